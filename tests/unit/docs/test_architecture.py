"""Tests that the architecture page and the README mention only files and folders that exist. Also tests that the page's
table of code layers ("Floors") agrees with the import linter.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.architecture_page import PAGE, rows, section
from tests.unit.docs import CHECKOUT, DOCS

PICTURE = DOCS / "architecture.svg"
README = CHECKOUT / "README.md"

# Strings such as the object key `npm/web` look like paths, but are not. The tests ignore each string whose first
# segment is in this set.
_NO_FOLDERS = {"npm", "pypi", "oci", "application", "quarantine", "artifact-edge", ".venv"}
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
# Matches a phrase on a documentation page that lists several files of one folder, such as "`a.py`, `b.py` and `c.py` in
# `folder/`".
_FILES_IN = re.compile(r"((?:`[\w.-]+`(?:, | and )?)+) in `([\w/.-]+/)`")
_MOST_FILES = 4


def paths(text: str) -> Iterator[str]:
    """Yields each path of a file or folder of the repository that the code spans of a documentation page contain. A
    code span can be a path, or a command that contains a path.
    """
    for names, folder in _FILES_IN.findall(text):
        yield from (folder + name for name in re.findall(r"`([^`]+)`", names))
    for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", _FILES_IN.sub("", text)):
        for word in span.split():
            if _PATH.fullmatch(word) and "/" in word and word.split("/")[0] not in _NO_FOLDERS:
                yield word


def linter() -> dict[str, Any]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]


def test_each_path_on_the_page_exists() -> None:
    subfolders = {span for row in rows(section("Floors")) for span in paths(" | ".join(row[1:]))}
    found = [path for path in paths(PAGE.read_text()) if path not in subfolders]
    assert len(found) > 80
    assert [path for path in found if not (CHECKOUT / path).exists()] == []


def test_each_path_in_contributing_exists() -> None:
    found = list(paths((CHECKOUT / "CONTRIBUTING.md").read_text()))
    assert len(found) > 20
    assert [path for path in found if not (CHECKOUT / path).exists()] == []


def test_each_subfolder_exists_in_its_folder() -> None:
    table = section("Floors").split("The large folders have subfolders:")[1]
    named = [(row[0].strip("`"), subfolder) for row in rows(table) for subfolder in paths(row[1])]
    assert len(named) > 15
    assert [
        folder + subfolder
        for folder, subfolder in named
        if not (CHECKOUT / folder / subfolder).exists() and not (CHECKOUT / subfolder).exists()
    ] == []


@pytest.mark.parametrize("folder", ["registry", "workers", "emulation", "policies"])
def test_the_page_names_each_subfolder_of_a_large_folder(folder: str) -> None:
    table = section("Floors").split("The large folders have subfolders:")[1]
    (named,) = [set(paths(row[1])) for row in rows(table) if row[0] == f"`{folder}/`"]
    there = {f"{path.name}/" for path in (CHECKOUT / folder).iterdir() if path.is_dir() and any(path.glob("*.*"))}
    assert named == {subfolder for subfolder in there if not subfolder.startswith((".", "__"))} - {
        "config/",
        "exemptions/",
    }


def test_each_folder_in_the_picture_exists() -> None:
    named = re.findall(r">((?:[\w]+/)+)<", PICTURE.read_text())
    assert len(named) > 15
    assert [folder for folder in named if not (CHECKOUT / folder).is_dir()] == []


@pytest.mark.parametrize("row", rows(section("Where do I change")), ids=lambda row: row[0][:40])
def test_a_change_starts_with_few_files(row: list[str]) -> None:
    named = list(paths(row[1]))
    assert 1 <= len(named) <= _MOST_FILES


def test_the_floors_are_those_that_the_linter_checks() -> None:
    (layers,) = [each["layers"] for each in linter()["contracts"] if each["type"] == "layers"]
    shown = [line.strip() for line in section("Floors").splitlines() if line.startswith("    ")]
    assert shown == [" ".join(layer.split()) for layer in layers]


def test_the_readme_says_what_each_top_level_folder_is() -> None:
    named = {re.sub(r"[`\[]|/.*", "", row[0]) for row in rows(README.read_text())}
    assert named == set(linter()["root_packages"])


def test_prose_is_wrapped_at_120_columns() -> None:
    for page in (README, CHECKOUT / "CONTRIBUTING.md", *DOCS.rglob("*.md")):
        wide = [
            line
            for line in page.read_text().splitlines()
            if len(line) > 120 and not line.startswith(("|", "![")) and "](https:" not in line
        ]
        assert not wide, f"{page.relative_to(CHECKOUT)}: {wide}"


def test_paths_are_distinguished_from_other_names() -> None:
    text = (
        "`a/b.py`, `c.py` and `d.lua` in `e/f/`, `npm/x.json`, `make up`, `/token`, `g/`, `.venv/bin/python -m x h/i`"
    )
    assert list(paths(text)) == ["e/f/c.py", "e/f/d.lua", "a/b.py", "g/", "h/i"]
