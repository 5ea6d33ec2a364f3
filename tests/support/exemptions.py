"""Exemptions from policies that a test writes for a stack of its own."""

from __future__ import annotations

from typing import Protocol


class WriteExemptions(Protocol):
    """Writes the text as the exemptions of the tests' stack."""

    def __call__(self, text: str) -> None: ...
