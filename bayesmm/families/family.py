"""What a response distribution must tell a model."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Family(ABC):
    """A response distribution with one of its links.

    Attributes
    ----------
    name
        As users write it: ``"gaussian"``.
    links
        The links it allows, its default first.
    link
        The link in use.
    """

    link: str
    name: ClassVar[str]
    links: ClassVar[tuple[str, ...]]
