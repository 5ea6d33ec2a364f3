"""The result of one check of a cloud account."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of one check of a cloud account. `subject` names the checked setting or resource, and `found` is the
    state of the setting or resource.

    `fix` is the step that corrects a problem, or an empty string if there is no problem.
    """

    subject: str
    found: str
    fix: str = ""

    @property
    def is_problem(self) -> bool:
        return bool(self.fix)

    def line(self) -> str:
        """Returns the line that `python -m doctor` prints for this finding (the result of a check)."""
        return f"FAIL  {self.subject}: {self.found}; {self.fix}" if self.fix else f"ok    {self.subject}: {self.found}"
