"""The type of the fixture that writes the policy exemptions of the stack in tests."""

from __future__ import annotations

from typing import Protocol


class WriteExemptions(Protocol):
    """Writes the given text as the exemptions file of the tests' stack."""

    def __call__(self, text: str) -> None: ...
