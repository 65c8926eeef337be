"""Pictures take most of a page's time: tests of what else stands on one may leave them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bayesmm.reporting import pictures


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages with the words of their pictures, which aren't drawn."""

    def words(draw: Callable[[], Any], *, alt: str, caption: str) -> pictures.Picture:
        return pictures.Picture("data:image/svg+xml;base64,", alt, caption, 1, 1)

    monkeypatch.setattr(pictures, "drawn", words)
