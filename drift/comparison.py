"""The result of comparing accounts with a state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from drift.state import Resource


@dataclass
class Comparison:
    """The differences. `orphans` names what only the accounts hold, and `missing` has what only the state knows."""

    orphans: list[str] = field(default_factory=list[str])
    missing: list[Resource] = field(default_factory=list[Resource])

    def add(self, orphans: Iterable[str], missing: Iterable[Resource]) -> None:
        self.orphans += sorted(orphans)
        self.missing += missing

    def lines(self) -> list[str]:
        """Returns a line for each difference."""
        return [
            *(f"the state does not know {orphan}" for orphan in self.orphans),
            *(f"the account lacks {each.id} ({each.urn})" for each in self.missing),
        ]
