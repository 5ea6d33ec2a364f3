"""Tests, with real npm and pip, that reads and installs succeed while an origin bucket fails or its
replication lags.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from emulation.layout import CLIENT_LOCATIONS, ClientLocation
from local.clients import Client
from tests.support.packages import npm_and_wheel
from tests.support.sandbox.commands import registry
from tests.support.sandbox.installs import npm_install, pip_install
from tests.support.sandbox.origin import control
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

# The ways in which the primary bucket fails. Each has packages of its own, because a test of one way fills the caches.
OUTAGES = ("503", "reset")


class PackageClient:
    """A package client at one client location. Each installation goes into a new directory."""

    def __init__(self, up: Up, client_location: ClientLocation, directory: Path) -> None:
        self._client = Client(up.sandbox, "reader", up.outputs()["url"], client_location)
        self._directory = directory / client_location.name
        self._turn = 0

    def installed(self, *names: str) -> Mapping[str, tuple[str, str]]:
        """Installs @acme/<name> with npm and acme-<name> with pip, for each name. Returns the two versions for each
        name.
        """
        self._turn += 1
        npm, pip = self._npm(names), self._pip(names)
        return {name: (npm[name], pip[name]) for name in names}

    def _npm(self, names: tuple[str, ...]) -> Mapping[str, str]:
        target = self._directory / f"npm{self._turn}"
        target.mkdir(parents=True)
        network = {"npm_config_https_proxy": self._client.proxy, "npm_config_cache": str(target / "cache")}
        result = npm_install(self._client, " ".join(f"@acme/{name}" for name in names), target, **network)
        assert result.returncode == 0, result.stdout + result.stderr
        manifests = {name: target / f"node_modules/@acme/{name}/package.json" for name in names}
        return {name: json.loads(manifest.read_text())["version"] for name, manifest in manifests.items()}

    def _pip(self, names: tuple[str, ...]) -> Mapping[str, str]:
        target = self._directory / f"pip{self._turn}"
        result = pip_install(self._client, " ".join(f"acme-{name}" for name in names), target)
        assert result.returncode == 0, result.stdout + result.stderr
        found = dict(info.stem.split("-") for info in target.glob("*.dist-info"))
        return {name: found[f"acme_{name}"] for name in names}


@pytest.fixture(scope="module")
def package_clients(up: Up, tmp_path_factory: pytest.TempPathFactory) -> list[PackageClient]:
    """Publishes version 1.0.0 of all packages of the module, and returns a client at each client location. The clients
    have installed `lagging` and the packages whose names begin with `warm`, so the caches have these packages.
    """
    directory = tmp_path_factory.mktemp("origin")
    warm, cold = ([f"{kind}{how}" for how in OUTAGES] for kind in ("warm", "cold"))
    publish(up, directory, dict.fromkeys(["lagging", *warm, *cold], "1.0.0"))
    wait_until_copied(up)
    clients = [PackageClient(up, client_location, directory) for client_location in CLIENT_LOCATIONS]
    for each in clients:
        assert each.installed("lagging", *warm) == dict.fromkeys(["lagging", *warm], ("1.0.0", "1.0.0"))
    return clients


@pytest.fixture(autouse=True)
def settled(up: Up, package_clients: list[PackageClient]) -> Iterator[None]:
    """Ends outages after the test, and waits until all objects are replicated."""
    yield
    control(up, "outages", {})
    wait_until_copied(up)


def wait_until_copied(up: Up) -> None:
    assert eventually(lambda: control(up, "replication")["pending"] == 0)


def publish(up: Up, directory: Path, versions: Mapping[str, str]) -> None:
    """Publishes an npm package and a wheel for each name, in the version that `versions` maps the name to."""
    files = [
        file
        for name, version in versions.items()
        for file in npm_and_wheel(directory, f"@acme/{name}", f"acme-{name}", version)
    ]
    published = registry(up, "publish", *files)
    assert published.returncode == 0, published.stderr


def test_new_versions_and_new_packages_are_installed_everywhere_before_they_are_copied(
    up: Up, package_clients: list[PackageClient], tmp_path: Path
) -> None:
    """Publishes version 2.0.0 of one package and the first version of another package while the replication of the
    buckets is paused. Clients at all locations must still install these versions.
    """
    with paused_replication(up):
        publish(up, tmp_path, {"lagging": "2.0.0", "fresh": "1.0.0"})
        expected = {"lagging": ("2.0.0", "2.0.0"), "fresh": ("1.0.0", "1.0.0")}
        for each in package_clients:
            assert eventually(lambda each=each: each.installed("lagging", "fresh") == expected)
        assert b"2.0.0" not in replicated(up, "npm/@acme/lagging/packument.json")
        assert b"2.0.0" not in replicated(up, "pypi/simple/acme-lagging/index.html")
        assert replicated(up, "npm/@acme/fresh/packument.json") == b""


@pytest.mark.parametrize("how", OUTAGES)
def test_all_reads_succeed_while_the_primary_is_down(up: Up, package_clients: list[PackageClient], how: str) -> None:
    """Tests that clients at all locations can install both cached packages and packages that no cache has.

    Each install reads mutable documents and immutable files.
    """
    primary = up.outputs()["buckets"][0]
    control(up, "outages", {"s3": {primary["region"]: how}})
    with pytest.raises((ClientError, BotoCoreError)):
        up.aws("s3").list_objects_v2(Bucket=primary["name"])
    for each in package_clients:
        names = (f"warm{how}", f"cold{how}")
        assert each.installed(*names) == dict.fromkeys(names, ("1.0.0", "1.0.0"))


@contextmanager
def paused_replication(up: Up) -> Generator[None]:
    """Pauses the replication of objects between the origin's buckets."""
    control(up, "replication", {"paused": True})
    try:
        yield
    finally:
        control(up, "replication", {"paused": False})


def replicated(up: Up, key: str) -> bytes:
    """Returns an object's content in the replica bucket, or empty bytes if the replica does not have the object."""
    s3, bucket = up.aws("s3"), up.outputs()["buckets"][1]["name"]
    found = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])]
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read() if key in found else b""
