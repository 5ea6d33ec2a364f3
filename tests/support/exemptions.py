"""Declares the fixture by which a test writes policy exemptions for the tests' stack."""

from __future__ import annotations

from typing import Protocol


class WriteExemptions(Protocol):
    """Writes the given text as the exemptions file of the tests' stack."""

    def __call__(self, text: str) -> None: ...
