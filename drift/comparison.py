"""The result of comparing the resources in cloud accounts with the resources in a stack's Pulumi state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from drift.state import Resource


@dataclass
class Comparison:
    """The differences between the resources in cloud accounts and the resources in a stack's Pulumi state.

    `orphans` has the names of resources that exist in the accounts and not in the state. `missing` has the resources
    that exist in the state and not in the accounts.
    """

    orphans: list[str] = field(default_factory=list[str])
    missing: list[Resource] = field(default_factory=list[Resource])

    def add(self, orphans: Iterable[str], missing: Iterable[Resource]) -> None:
        self.orphans += sorted(orphans)
        self.missing += missing

    def lines(self) -> list[str]:
        """Returns one line of text for each difference, for the output of `python -m drift`."""
        return [
            *(f"missing from the state: {orphan}" for orphan in self.orphans),
            *(f"missing from the account: {each.id} ({each.urn})" for each in self.missing),
        ]
