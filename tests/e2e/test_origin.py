"""Tests, with real npm and pip, that reads and installs succeed while an origin bucket fails or its
replication lags.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from emulation.engine.environment import cloud_environment
from emulation.layout import CLIENT_LOCATIONS, ClientLocation
from local.clients import Client
from registry.keys import KV_TOKEN_VARIABLE
from tests.support.sandbox.installs import npm_install, pip_install
from tests.support.sandbox.origin import control
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def settled(up: Up) -> Iterator[None]:
    """Waits before and after each test until all objects are replicated. Ends outages after the test."""
    wait_until_copied(up)
    yield
    control(up, "outages", {})
    wait_until_copied(up)


def wait_until_copied(up: Up) -> None:
    assert eventually(lambda: control(up, "replication")["pending"] == 0)


def publish(up: Up, *files: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "registry", "publish", *files, "--stack-outputs", "-"],
        env={
            **os.environ,
            **cloud_environment(up.sandbox, {}),
            KV_TOKEN_VARIABLE: "local",
        },
        input=json.dumps(up.outputs()),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    )


def npm_package(directory: Path, name: str, version: str) -> Path:
    manifest = json.dumps({"name": f"@acme/{name}", "version": version}).encode()
    path = directory / f"{name}-{version}.tgz"
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("package/package.json")
        member.size = len(manifest)
        tar.addfile(member, io.BytesIO(manifest))
    return path


def wheel(directory: Path, name: str, version: str) -> Path:
    info = f"acme_{name}-{version}.dist-info"
    members = {
        f"acme_{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()) for path, text in members.items()}
    record = "".join(f"{path},sha256={digest.decode().rstrip('=')},\n" for path, digest in digests.items())
    target = directory / f"acme_{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in {**members, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)
    return target


class PackageClient:
    """A package client at one client location. Each installation goes into a new directory."""

    def __init__(self, up: Up, client_location: ClientLocation, directory: Path) -> None:
        self._client = Client(up.sandbox, "reader", up.outputs()["url"], client_location)
        self._directory = directory / client_location.name
        self._turn = 0

    def npm(self, name: str) -> str:
        """Installs @acme/<name> with npm. Returns the installed version."""
        target = self._fresh()
        network = {"npm_config_https_proxy": self._client.proxy, "npm_config_cache": str(target / "cache")}
        result = npm_install(self._client, f"@acme/{name}", target, **network)
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads((target / f"node_modules/@acme/{name}/package.json").read_text())["version"]

    def pip(self, name: str) -> str:
        target = self._fresh()
        result = pip_install(self._client, f"acme-{name}", target)
        assert result.returncode == 0, result.stdout + result.stderr
        (info,) = target.glob("*.dist-info")
        return info.name.removesuffix(".dist-info").split("-")[1]

    def _fresh(self) -> Path:
        self._turn += 1
        target = self._directory / str(self._turn)
        target.mkdir(parents=True)
        return target


@pytest.fixture
def package_clients(up: Up, tmp_path: Path) -> list[PackageClient]:
    return [PackageClient(up, client_location, tmp_path) for client_location in CLIENT_LOCATIONS]


def test_a_new_version_is_installed_everywhere_before_it_is_copied(
    up: Up, package_clients: list[PackageClient], tmp_path: Path
) -> None:
    """Publishes version 2.0.0 while the replication of the buckets is paused. Clients at all locations must still
    install this version.
    """
    publish(up, npm_package(tmp_path, "lagging", "1.0.0"), wheel(tmp_path, "lagging", "1.0.0"))
    wait_until_copied(up)
    assert {(each.npm("lagging"), each.pip("lagging")) for each in package_clients} == {("1.0.0", "1.0.0")}
    with paused_replication(up):
        publish(up, npm_package(tmp_path, "lagging", "2.0.0"), wheel(tmp_path, "lagging", "2.0.0"))
        for each in package_clients:
            assert eventually(lambda each=each: each.npm("lagging") == each.pip("lagging") == "2.0.0")
        assert b"2.0.0" not in replicated(up, "npm/@acme/lagging/packument.json")
        assert b"2.0.0" not in replicated(up, "pypi/simple/acme-lagging/index.html")


def test_a_first_version_is_installed_everywhere_before_it_is_copied(
    up: Up, package_clients: list[PackageClient], tmp_path: Path
) -> None:
    with paused_replication(up):
        publish(up, npm_package(tmp_path, "fresh", "1.0.0"), wheel(tmp_path, "fresh", "1.0.0"))
        assert {(each.npm("fresh"), each.pip("fresh")) for each in package_clients} == {("1.0.0", "1.0.0")}
        assert replicated(up, "npm/@acme/fresh/packument.json") == b""


@pytest.mark.parametrize("how", ["503", "reset"])
def test_all_reads_succeed_while_the_primary_is_down(
    up: Up, package_clients: list[PackageClient], tmp_path: Path, how: str
) -> None:
    """Tests that clients at all locations can install both cached packages and packages that no cache has.

    Each install reads mutable documents and immutable files.
    """
    warm, cold = f"warm{how}", f"cold{how}"
    for name in (warm, cold):
        publish(up, npm_package(tmp_path, name, "1.0.0"), wheel(tmp_path, name, "1.0.0"))
    wait_until_copied(up)
    assert {(each.npm(warm), each.pip(warm)) for each in package_clients} == {("1.0.0", "1.0.0")}
    primary = up.outputs()["buckets"][0]
    control(up, "outages", {"s3": {primary["region"]: how}})
    with pytest.raises((ClientError, BotoCoreError)):
        up.aws("s3").list_objects_v2(Bucket=primary["name"])
    for name in (warm, cold):
        assert {(each.npm(name), each.pip(name)) for each in package_clients} == {("1.0.0", "1.0.0")}


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
