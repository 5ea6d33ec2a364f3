"""Tests that the wording check finds retired terms in identifiers and prose, and that it suggests the current term."""

from __future__ import annotations

from pathlib import Path

import pytest

from wording.__main__ import PAGE, findings
from wording.terms import TermsError, retired_words

WORDS = {"wobbly": "volatile", "blorp": "queue"}
HEADER = "| Term | Meaning | Source | Retired |\n| --- | --- | --- | --- |\n"


def page(directory: Path, *rows: str) -> Path:
    file = directory / "terms.md"
    file.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return file


def found(directory: Path, text: str, name: str = "planted.py") -> list[str]:
    file = directory / name
    file.write_text(text)
    return [line.removeprefix(f"{file}:") for line in findings([file], WORDS)]


@pytest.mark.parametrize("planted", ["class WobblyCache:\n", "def is_wobbly(x):\n", "# Be wobbly here.\n"])
def test_a_retired_word_is_found_in_identifiers_and_in_prose(tmp_path: Path, planted: str) -> None:
    (line,) = found(tmp_path, f"import os\n{planted}")
    assert line.startswith("2: `")
    assert line.endswith("` is retired; use: volatile")


def test_a_retired_word_is_found_in_a_page(tmp_path: Path) -> None:
    assert found(tmp_path, "The blorp is full.\n", "page.md") == ["1: `blorp` is retired; use: queue"]


def test_a_line_may_use_a_retired_word_only_with_a_reason(tmp_path: Path) -> None:
    assert found(tmp_path, "blorp = 1  # words-ok: a field of Cloudflare's API\n") == []
    assert len(found(tmp_path, "blorp = 1  # words-ok:\n")) == 1
    assert len(found(tmp_path, "other = 1  # words-ok: no other line\nblorp = 1\n")) == 1


def test_a_misspelt_word_is_found(tmp_path: Path) -> None:
    assert found(tmp_path, "# An exmaple.\n") == ["1: `exmaple` is misspelt; use: example"]  # words-ok: planted


def test_the_page_of_terms_gives_each_retired_word_its_term(tmp_path: Path) -> None:
    rows = page(tmp_path, "| volatile | kept in memory | RFC | `wobbly`, `amnesic` |", "| stack | | Pulumi | |")
    assert retired_words(rows) == {"wobbly": "volatile", "amnesic": "volatile"}
    assert retired_words(PAGE)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("| volatile | kept in memory | `wobbly` |", "a row has 3 cells; use Term, Meaning, Source and Retired"),
        ("| volatile | | | `for getful` |", "`for getful` is not one lower-case word"),
        ("| volatile | | | `a`, `a` |", "`a` is retired twice"),
    ],
)
def test_a_page_that_cannot_be_read_names_the_line(tmp_path: Path, row: str, complaint: str) -> None:
    with pytest.raises(TermsError) as error:
        retired_words(page(tmp_path, row))
    assert str(error.value) == f"{tmp_path / 'terms.md'}:3: {complaint}"
