"""Tests that test modules import shared code only from tests/support, and not from another test module or a
conftest.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]


def imported(source: str) -> Iterator[str]:
    """Yields the dotted names of all modules and attributes that Python source code imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imports_of_tests(source: str) -> list[str]:
    """Returns the names that Python source code imports from a test module or from a conftest."""
    return [
        name
        for name in imported(source)
        if name.startswith(("tests.", "."))
        and any(part == "conftest" or part.startswith("test_") for part in name.split("."))
    ]


@pytest.mark.parametrize(
    "planted",
    [
        "from tests.e2e.{} import access",
        "from tests.e2e import {} as other",
        "import tests.e2e.{}",
        "from .{} import access",
        "def late() -> None:\n    from tests.e2e.{} import access",
    ],
)
@pytest.mark.parametrize("module", ["test_tiers", "conftest"])
def test_a_planted_import_is_found(planted: str, module: str) -> None:
    assert len(imports_of_tests(planted.format(module))) == 1


def test_no_test_imports_from_another_test() -> None:
    found = {
        str(path.relative_to(TESTS)): names
        for path in TESTS.rglob("*.py")
        if (names := imports_of_tests(path.read_text()))
    }
    assert not found, "move what is imported here into a module in tests/support"
