"""Reads the words that the project no longer uses, and the terms that replace them, from docs/terms.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_RETIRED = re.compile(r"`([^`]+)`")


class TermsError(Exception):
    """Raised when the table in docs/terms.md cannot be read. The message names the line."""


def retired_words(page: Path) -> Mapping[str, str]:
    """Maps each retired word to the term to use. Raises TermsError if the table of terms cannot be read."""
    words: dict[str, str] = {}
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if not line.startswith("| ") or line.startswith(("| Term |", "| --- |")):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) != 4:
            raise TermsError(f"{page}:{number}: a row has {len(cells)} cells; use Term, Meaning, Source and Retired")
        term, *_, retired = cells
        for word in _RETIRED.findall(retired):
            if not re.fullmatch(r"[a-z]+", word):
                raise TermsError(f"{page}:{number}: `{word}` is not one lower-case word")
            if word in words:
                raise TermsError(f"{page}:{number}: `{word}` is retired twice")
            words[word] = term
    return words
