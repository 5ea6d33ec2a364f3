"""The edge answers searches from a list of npm packages. Tests that this list changes with each change of a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry import amend, unpublish
from registry import publish as publishing
from registry.catalog.audit import By
from registry.delivery.search import SearchList
from registry.ecosystems.npm_search import search_entry
from registry.ecosystems.packages import with_version
from registry.metadata import Conflict
from tests.support.packages import tarball, wheel
from tests.support.registry import Network, network

__all__ = ["network"]

BY = By("operator", "", "change")


def publish(network: Network, directory: Path, name: str, version: str, **package: Any) -> None:
    file = tarball(directory / "p.tgz", {"name": name, "version": version, **package})
    publishing.publish(network.target, [file], BY)


def listed(network: Network) -> list[Any]:
    return network.json("npm/-/search.json")["packages"]


def test_an_entry_has_what_package_json_says_about_the_latest_version(network: Network, tmp_path: Path) -> None:
    publish(network, tmp_path, "web", "1.0.0", description="old")
    about = {
        "description": "x" * 300,
        "keywords": "web, server",
        "author": "Ada <ada@x.test>",
        "maintainers": [{"name": "bob", "email": "b@x.test"}, {"x": 1}],
        "homepage": "https://web.test",
        "repository": "acme/web",
        "bugs": {"url": "https://bugs.test"},
    }
    publish(network, tmp_path, "web", "2.0.0", **about)
    publish(network, tmp_path, "web", "1.0.1", description="a fix of an old version")
    publish(network, tmp_path, "@acme/bare", "1.0.0")
    bare, web = listed(network)
    date = network.json("npm/web/packument.json")["time"]["2.0.0"]
    assert web == {
        "name": "web",
        "version": "2.0.0",
        "date": date,
        "description": "x" * 200,
        "keywords": ["web", "server"],
        "author": {"username": "Ada", "email": "ada@x.test"},
        "maintainers": [{"username": "bob", "email": "b@x.test"}],
        "links": {
            "homepage": "https://web.test",
            "repository": "git+https://github.com/acme/web.git",
            "bugs": "https://bugs.test",
        },
    }
    assert bare.keys() == {"name", "version", "date"}


def test_the_list_follows_tags_and_withdrawals(network: Network, tmp_path: Path) -> None:
    publish(network, tmp_path, "web", "1.0.0", description="one")
    publish(network, tmp_path, "web", "2.0.0", description="two")
    first, second = with_version("npm:web@1.0.0"), with_version("npm:web@2.0.0")
    publishing.apply(network.target, [amend.tagged(network.target, first, "latest")], BY)
    assert [(each["version"], each["description"]) for each in listed(network)] == [("1.0.0", "one")]
    publishing.apply(network.target, [unpublish.unpublished(network.target, first, force=True)], BY)
    assert [each["version"] for each in listed(network)] == ["2.0.0"]
    publishing.apply(network.target, [unpublish.unpublished(network.target, second, force=True)], BY)
    assert listed(network) == []


def test_packages_of_other_ecosystems_change_no_list(network: Network, tmp_path: Path) -> None:
    publishing.publish(network.target, [wheel(tmp_path / "p-1.0-py3-none-any.whl")], BY)
    assert "npm/-/search.json" not in network.objects()


def test_a_late_delivery_does_not_return_an_older_entry(network: Network, tmp_path: Path) -> None:
    publish(network, tmp_path, "web", "1.0.0")
    known = amend.known_of(network.target, with_version("npm:web@1.0.0"))
    publish(network, tmp_path, "web", "2.0.0")
    target = network.target
    # Each change increases the revision of a package. The first revision is the time of the package's first publish.
    # This test delivers an outdated entry of the package with the revision 1, which is lower than every real revision.
    SearchList(target.repository, target.origin).update({"web": (1, search_entry("web", known))})
    assert [each["version"] for each in listed(network)] == ["2.0.0"]


def test_simultaneous_deliveries_of_one_package_are_repeated(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(network, tmp_path, "web", "1.0.0")
    known = amend.known_of(network.target, with_version("npm:web@1.0.0"))
    target = network.target
    there, transact = SearchList(target.repository, target.origin), type(target.repository).transact
    failures = [Conflict("npm-search", "package#other")] * 2

    def conflicting(repository: Any, writes: Any) -> None:
        if failures:
            raise failures.pop()
        transact(repository, writes)

    monkeypatch.setattr(type(target.repository), "transact", conflicting)
    there.update({"other": (1, search_entry("web", known))})
    assert len(listed(network)) == 2
    assert not failures


def test_more_packages_than_a_transaction_takes_are_listed(network: Network) -> None:
    target = network.target
    entries = {f"p{number:03}": (1, {"name": f"p{number:03}", "version": "1.0.0"}) for number in range(200)}
    SearchList(target.repository, target.origin).update(entries)
    assert [each["name"] for each in listed(network)] == sorted(entries)
