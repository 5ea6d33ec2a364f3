"""Tests that both lists of pinned versions (the lock and requirements.txt) name every package that pyproject.toml
requires.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PROJECT["project"]["dependencies"]
GROUPS: dict[str, list[str | dict[str, str]]] = PROJECT["dependency-groups"]
LOCK = (ROOT / "requirements.lock").read_text()
RUNTIME_LOCK = (ROOT / "requirements.txt").read_text()


def pins(lock: str) -> dict[str, str]:
    """Returns the pinned version of each Python package in a list of requirements."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))


def group(name: str) -> Iterator[str]:
    for entry in GROUPS[name]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from group(entry["include-group"])


def with_dependencies(requirements: Iterable[str]) -> set[str]:
    """Returns the names of the given Python packages and of all packages that they require on this machine, directly or
    indirectly.

    The requirements are read from the metadata of the installed packages.
    """
    found = set[str]()
    left = [Requirement(text) for text in requirements]
    seen = set[tuple[str, frozenset[str]]]()
    while left:
        wanted = left.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        for text in requires(name) or []:
            dependency = Requirement(text)
            environments = [{"extra": extra} for extra in extras or {""}]
            if dependency.marker is None or any(dependency.marker.evaluate(each) for each in environments):
                left.append(dependency)
    return found


@pytest.mark.parametrize(("wanted", "lock"), [([*RUNTIME, *group("dev")], LOCK), (RUNTIME, RUNTIME_LOCK)])
def test_a_lock_meets_the_project_and_holds_all_that_its_packages_require(wanted: list[str], lock: str) -> None:
    locked = pins(lock)
    for text in wanted:
        requirement = Requirement(text)
        version = locked.get(canonicalize_name(requirement.name))
        assert version and requirement.specifier.contains(version), f"{text}: the lock has {version}; run: make lock"
    assert with_dependencies(wanted) <= locked.keys()


def test_requirements_txt_installs_the_project_and_the_versions_of_the_lock() -> None:
    assert "-e ." in RUNTIME_LOCK.splitlines()
    assert pins(RUNTIME_LOCK).items() <= pins(LOCK).items()


def test_the_lock_has_a_hash_for_each_package_and_no_address() -> None:
    entries = re.split(r"^(?=[a-z0-9-]+==)", LOCK, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins(LOCK))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    for text in (LOCK, RUNTIME_LOCK):
        assert not re.search(r"://|--(extra-)?index-url|--find-links", text)


def test_every_requirement_is_pinned() -> None:
    for text in (*RUNTIME, *group("dev"), *PROJECT["build-system"]["requires"]):
        assert re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.]+", text), text


def test_the_build_backend_is_of_the_version_of_uv() -> None:
    (backend,) = PROJECT["build-system"]["requires"]
    assert backend.partition("==")[2] == pins(LOCK)["uv"]


def test_the_package_holds_every_folder_with_python_code_but_the_tests() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert {*PROJECT["tool"]["uv"]["build-backend"]["module-name"], "tests"} == folders
    assert {*PROJECT["tool"]["pyright"]["include"]} == folders
