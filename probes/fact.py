"""The types of a probe, which checks documented facts of a cloud, and of its results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Cloud = TypeVar("Cloud")


class ProbeError(Exception):
    """Raised when a probe cannot run in an account. The message names the obstacle and says what to do."""


@dataclass(frozen=True)
class Fact:
    """The result of checking one documented fact. `holds` is true if the cloud behaved as documented.

    `text` states the fact. `observed` describes the cloud's behaviour in a few words.
    """

    text: str
    holds: bool
    observed: str


@dataclass(frozen=True)
class Probe(Generic[Cloud]):
    """A check of documented facts of one cloud. `source` names the document that states the facts.

    `check` creates the resources that it needs in the account that is its argument, and yields a result for each fact.
    The account deletes the resources afterwards.
    """

    name: str
    source: str
    check: Callable[[Cloud], Iterator[Fact]]
