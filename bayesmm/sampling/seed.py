"""Seeds: whatever is given as one becomes a whole number, which is kept with the draws it made."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from bayesmm.errors import ModelError


def seed_of(random_seed: Any) -> int:
    """A seed of 32 bits from a Generator or from the system, and whole numbers as they are.

    Raises
    ------
    ModelError
        If it is neither of these, or too large to be written to a file.
    """
    if random_seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_seed, np.random.Generator):
        return int(random_seed.integers(2**32))
    if isinstance(random_seed, bool) or not isinstance(random_seed, Integral) or not 0 <= random_seed < 2**63:
        raise ModelError(
            f"random_seed is {random_seed!r}",
            expected="a whole number from 0 to 2⁶³ − 1, a numpy Generator, or None",
            advice="random_seed=1",
        )
    return int(random_seed)


def streams(seed: int, count: int) -> list[np.random.Generator]:
    """Independent generators from one seed, so that what one of them draws doesn't move the others."""
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(count)]
