"""Tests that clients install hundreds of real packages through the edge. All caches are empty at first, and the digests
of the installed packages are checked.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients import npm_clients, python_clients, trees
from tests.clients.matrix import Section, rows
from tests.clients.package_setting import output
from tests.clients.trees import Tree
from tests.support.sandbox.up import Up

# Maps each npm client to two facts about its lockfile: the file's name, and whether the file contains the digests that
# the registry states.
LOCKFILES = {
    "npm 10": ("package-lock.json", True),
    "pnpm 12": ("pnpm-lock.yaml", True),
    "yarn 1": ("yarn.lock", True),
    "yarn 4": ("yarn.lock", False),
}


@pytest.fixture(scope="module")
def npm_tree(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Imports hundreds of npm packages into the sandbox (the emulated clouds on this machine), once for the tests of
    all clients.
    """
    return trees.import_npm(up, tmp_path_factory.mktemp("npm"))


@pytest.fixture(scope="module")
def python_tree(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Imports dozens of wheels into the sandbox (the emulated clouds on this machine), once for the tests of all
    clients.
    """
    return trees.import_python(up, tmp_path_factory.mktemp("python"))


@rows(Section.TREES, LOCKFILES, "more than 300 npm packages by lockfile")
def test_a_tree_of_npm_packages_is_installed_by_its_lockfile(name: str, npm_tree: Tree, tmp_path: Path) -> None:
    client = npm_clients.client_of(name, npm_tree.identity, tmp_path / "home", npm_tree.token)
    done = client.add_all(trees.NPM_ROOTS)
    assert done.returncode == 0, output(done)
    lockfile, has_registry_digests = LOCKFILES[name]
    if has_registry_digests:
        digests = trees.digests_in(client.setting.project / lockfile)
        assert len(digests) > 300
        assert digests <= npm_tree.digests
    again = client.in_an_empty_home(tmp_path / "again")
    done = again.install_locked()
    assert done.returncode == 0, output(done)
    packages = trees.installed(again.setting.project)
    assert len(packages) > 300
    assert packages == trees.installed(client.setting.project)


@rows(Section.TREES, ["pip 26.3", "uv 0.13"], "more than 60 wheels with their digests")
def test_a_scientific_stack_is_installed_with_its_digests(name: str, python_tree: Tree, tmp_path: Path) -> None:
    client = python_clients.client_of(name, python_tree.identity, tmp_path / "home", python_tree.token)
    client.configure()
    client.setting.write("project/requirements.txt", python_tree.requirements)
    command = {"pip": ("pip", "install"), "uv": ("uv", "pip", "install")}[client.setting.family]
    done = client.run(*command, "--target", "site", "--no-deps", "--require-hashes", "-r", "requirements.txt")
    assert done.returncode == 0, output(done)
    found = list((client.setting.project / "site").glob("*.dist-info"))
    assert len(found) == len(python_tree.digests)
