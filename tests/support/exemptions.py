"""The type of a fixture for tests of policies. The fixture writes a file of exemptions for the stack under test."""

from __future__ import annotations

from typing import Protocol


class WriteExemptions(Protocol):
    """Writes the given text to the exemptions file of the stack under test."""

    def __call__(self, text: str) -> None: ...
