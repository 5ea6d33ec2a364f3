"""Tests that `lint-imports` checks every module of the repository and names each forbidden import."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
FOLDERS: list[str] = SETTINGS["root_packages"]

# Modules that no other module imports. Commands start the first two modules by their paths. The third module is part of
# a sample package.
NOT_IMPORTED = {
    "tests/e2e/buckets/__main__.py",
    "tests/e2e/program/__main__.py",
    "local/samples/python/acme_greeter/__init__.py",
}

# Imports that the import contract forbids: one for each rule of the contract. Each pair names the importing module
# first, and then the imported module.
FORBIDDEN = [
    ("contract", "registry"),
    ("contract", "boto3"),
    ("emulation", "local"),
    ("emulation", "contract.secrets"),
    ("emulation", "registry"),
    ("gates", "policies"),
    ("infra", "registry"),
    ("infra", "workers.entitlements"),
    ("local", "previews"),
    ("policies", "infra"),
    ("registry", "infra"),
    ("registry", "pulumi"),
    ("registry", "workers.entitlements"),
    ("workers", "local"),
]


def sources(folder: Path) -> Iterator[Path]:
    """Yields the Python files beneath `folder`, except those of installed programs in `node_modules` and `bin`."""
    for directory, below, files in os.walk(folder):
        below[:] = [name for name in below if name not in {"node_modules", "bin"}]
        yield from (Path(directory, name) for name in files if name.endswith(".py"))


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*FOLDERS, include_external_packages=True, cache_dir=None)


def test_every_folder_with_python_is_on_a_floor() -> None:
    floors = next(contract["layers"] for contract in SETTINGS["contracts"] if contract["type"] == "layers")
    on_a_floor = {folder.strip() for floor in floors for folder in floor.split("|")}
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    with_python = {folder for folder in folders if next(sources(ROOT / folder), None)}
    assert with_python == on_a_floor == set(FOLDERS)


def test_the_linter_sees_every_module(graph: grimp.ImportGraph) -> None:
    files = {file.relative_to(ROOT).as_posix() for folder in FOLDERS for file in sources(ROOT / folder)}
    seen = {
        path
        for module in graph.modules
        for path in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py")
    }
    assert files - seen == NOT_IMPORTED


def test_contract_imports_only_itself_and_the_standard_library(graph: grimp.ImportGraph) -> None:
    imported = {
        name.split(".")[0]
        for module in (*graph.find_descendants("contract"), "contract")
        for name in graph.find_modules_directly_imported_by(module)
    }
    assert imported <= sys.stdlib_module_names | {"contract"}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a directory with copies of all files that the import linter reads. First checks that the linter finds no
    error in these copies.
    """
    root = tmp_path_factory.mktemp("copy")
    for file in (ROOT / "pyproject.toml", *(file for folder in FOLDERS for file in sources(ROOT / folder))):
        target = root / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    linted = lint(root)
    assert linted.returncode == 0, linted.stdout
    return root


@pytest.fixture(scope="module")
def report(copy: Path) -> str:
    """Adds each import in FORBIDDEN to a copy of the repository, and returns the import linter's output for it."""
    for importer, imported in FORBIDDEN:
        (copy / importer / f"{planted(imported)}.py").write_text(f"import {imported}\n")
    linted = lint(copy)
    assert linted.returncode == 1
    return linted.stdout


@pytest.mark.parametrize(("importer", "imported"), FORBIDDEN)
def test_a_forbidden_import_is_named(report: str, importer: str, imported: str) -> None:
    assert f"{importer}.{planted(imported)} -> {imported} (l.1)" in report


def planted(imported: str) -> str:
    return f"imports_{imported.replace('.', '_')}"


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs `lint-imports` as `make lint` does, on the files in `directory`."""
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run([program, "--no-cache"], cwd=directory, capture_output=True, text=True, check=False)
