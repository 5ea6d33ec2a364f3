"""Tests prediction lists. Such a list contains the objects that clients request after a document. The registry writes
the list as metadata of the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.predictions import CHARACTERS, FILE_BYTES, Release, encode
from registry.catalog.artifact import Known
from registry.ecosystems.packument import NpmPackage
from registry.ecosystems.python_releases import requirements
from registry.ecosystems.simple import PypiProject

WRITTEN = "2026-01-01T00:00:00.000000Z"
TEXTS = st.text(min_size=1)
RELEASES = st.builds(Release, TEXTS, st.dictionaries(TEXTS, st.text()), st.booleans())


def following(package: NpmPackage | PypiProject, facts: Mapping[str, Any]) -> str:
    """Returns the prediction list of a package: the requests that clients send after they have read the package's
    document. Each package has two documents. The function checks that both documents have the same list.
    """
    known = Known(facts, dict.fromkeys(facts, WRITTEN))
    first, second = package.documents(known, (), "https://packages.test", lambda key: b"")
    assert first.following == second.following
    return first.following


def version(number: str, **manifest: Any) -> dict[str, Any]:
    fact = {
        "manifest": {"version": number, **manifest},
        "file": f"web-{number}.tgz",
        "shasum": "1",
        "integrity": "sha512-1",
    }
    return {f"version#{number}": fact}


def npm(*facts: Mapping[str, Any]) -> str:
    return following(NpmPackage("web"), {name: fact for each in facts for name, fact in each.items()})


def test_the_first_version_is_latest_and_the_others_are_the_highest_of_their_lines() -> None:
    versions = [version(each) for each in ("0.1.0", "0.2.0", "0.2.1", "1.0.0", "1.4.0", "2.0.0", "3.0.0-rc.1")]
    assert npm(*versions) == "2.0.0;3.0.0-rc.1;1.4.0;0.2.1;0.1.0"
    assert npm(*versions, {"tag#latest": {"version": "1.0.0"}}) == "1.0.0;3.0.0-rc.1;2.0.0;0.2.1;0.1.0"
    assert npm(*versions, {"unpublished#2.0.0": {}}) == "1.4.0;3.0.0-rc.1;0.2.1;0.1.0"
    assert npm(*versions, {"deprecated#0.2.1": {"message": "broken"}}) == "2.0.0;3.0.0-rc.1;1.4.0;0.2.0;0.1.0"


def test_a_version_names_the_dependencies_that_npm_installs_from_the_registry() -> None:
    manifest: dict[str, Any] = {
        "dependencies": {"a": "^1.0.0", "@acme/b": ">=1 <3", "c": "npm:@acme/c@~2.1.0", "bundled": "1"},
        "optionalDependencies": {"d": ""},
        "peerDependencies": {"e": "1 || 2", "f": "*"},
        "peerDependenciesMeta": {"f": {"optional": True}},
        "bundleDependencies": ["bundled"],
        "devDependencies": {"g": "1"},
    }
    elsewhere = {"h": "git+https://example.com/h.git", "i": "acme/i", "j": "file:../j"}
    manifest["dependencies"] |= elsewhere
    listed = npm(version("1.0.0", **manifest))
    assert unquote(listed.replace(" ", "\n")).split("\n") == [
        *("1.0.0", "a@^1.0.0", "@acme/b@>=1 <3", "@acme/c@~2.1.0", "d", "e@1 || 2")
    ]


def test_tarballs_for_some_platforms_and_large_tarballs_are_not_prefetched() -> None:
    assert npm(version("1.0.0", os=["win32"])) == "!1.0.0"
    sizes = {"contents#1.0.0": {"size": FILE_BYTES + 1}, "contents#2.0.0": {"size": FILE_BYTES}}
    assert npm(version("1.0.0"), version("2.0.0"), sizes) == "2.0.0;!1.0.0"


def file(name: str, number: str, size: int = 1) -> dict[str, Any]:
    content = {"version": number, "sha256": "1", "size": size, "requires_python": "", "metadata_sha256": "1"}
    return {f"file#{name}": content}


def pypi(*facts: Mapping[str, Any]) -> str:
    return following(PypiProject("web"), {name: fact for each in facts for name, fact in each.items()})


def test_the_wheel_for_all_platforms_of_the_highest_stable_version_is_listed() -> None:
    files = [file(f"web-{each}-py3-none-any.whl", each) for each in ("1.0", "2.0", "10.0", "11.0rc1")]
    requires = {f"requires#web-{each}-py3-none-any.whl": {"projects": ["a", "b"]} for each in ("2.0", "10.0")}
    assert pypi(*files, file("web-10.0.tar.gz", "10.0"), requires) == "web-10.0-py3-none-any.whl a b"
    yanked = {"yanked#web-10.0-py3-none-any.whl": {"yanked": True, "reason": ""}}
    assert pypi(*files, yanked) == "web-2.0-py3-none-any.whl"
    assert pypi(file("web-1.0.tar.gz", "1.0", FILE_BYTES + 1)) == "!web-1.0.tar.gz"


def test_wheels_for_linux_are_listed_where_none_is_for_all_platforms() -> None:
    names = [
        *("web-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "web-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"),
        *("web-1.0-cp313-cp313-win_amd64.whl", "web-1.0-cp313-cp313-manylinux_2_17_aarch64.whl"),
        *("web-1.0-cp313-cp313-musllinux_1_2_x86_64.whl", "web-1.0.tar.gz"),
    ]
    assert pypi(*(file(name, "1.0") for name in names)).split(";") == [names[1], names[3], names[0]]


def test_requirements_are_those_of_a_client_on_linux() -> None:
    texts = ["Flask (>=2)", "a_b; extra == 'test'", "colorama; sys_platform == 'win32'", "c @ https://x.test/c.whl"]
    assert requirements([*texts, "uvloop ; platform_system != 'Windows'", "not a requirement!"]) == ["flask", "uvloop"]


@given(st.lists(RELEASES))
def test_a_list_fits_into_metadata_and_contains_the_first_release(releases: list[Release]) -> None:
    text = encode(releases)
    assert len(text) <= CHARACTERS
    assert text.isascii()
    assert text.isprintable() or not text
    names = [release.split(" ")[0].removeprefix("!") for release in text.split(";")] if text else []
    expected = [unquote(name, errors="replace") for name in names]
    assert expected == [each.name.encode(errors="replace").decode() for each in releases[: len(expected)]]


@pytest.mark.parametrize("count", [1, 100, 1000])
def test_the_first_release_gets_its_dependencies_before_the_others(count: int) -> None:
    first = Release("2.0.0", {f"dependency-{number}": "^1.0.0" for number in range(count)})
    text = encode([first, Release("1.0.0", {"other": "*"})])
    assert len(text) <= CHARACTERS
    assert text.startswith("2.0.0 dependency-0@^1.0.0")
    assert (";1.0.0 other@*" in text) == (count == 1)
