"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What a check found about one thing. `fix` is the step that corrects a problem; it is empty if there is none."""

    subject: str
    found: str
    fix: str = ""

    @property
    def is_problem(self) -> bool:
        return bool(self.fix)

    def line(self) -> str:
        """Returns the line that the command prints."""
        return f"FAIL  {self.subject}: {self.found}; {self.fix}" if self.fix else f"ok    {self.subject}: {self.found}"
