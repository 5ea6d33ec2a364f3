"""Defines the types that all probes use. A probe checks facts that a cloud documents, and yields one result for each
fact.
"""

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
    """A probe, which checks documented facts about one cloud. `source` names the document that states the facts.

    The function `check` creates resources in the cloud, and yields a result for each fact. Its argument gives access to
    the cloud, such as an `AwsAccount` or a `Zone` of Cloudflare. The resources are deleted when the probe ends.
    """

    name: str
    source: str
    check: Callable[[Cloud], Iterator[Fact]]
