"""The results of probes, and the list of all probes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Cloud = TypeVar("Cloud")


@dataclass(frozen=True)
class Fact:
    """A documented fact, and whether the cloud behaved so. `observed` is what the cloud did, in a few words."""

    text: str
    holds: bool
    observed: str


@dataclass(frozen=True)
class Probe(Generic[Cloud]):
    """A check of facts of one cloud. `source` is the document that states the facts.

    `check` creates what it needs in the account, yields a result for each fact, and leaves the deletion to the account.
    """

    name: str
    source: str
    check: Callable[[Cloud], Iterator[Fact]]
