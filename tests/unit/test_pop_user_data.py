"""A PoP's user data, read back as cloud-init would, and the programs that it brings."""

from __future__ import annotations

import base64
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.cloud_config import USER_DATA_LIMIT, UserDataError
from infra.edge import ShieldNode, shields_binding
from infra.pop.user_data import MACHINE, PopSettings, Table, Worker, user_data
from infra.pop.workerd import VERSION, package
from infra.regions import REGIONS
from local.machines import cloud_init
from policies.secrets import secrets_in

ROOT = Path(__file__).parents[2]
SETTINGS = PopSettings(
    region="eu-west-1",
    architecture="amd64",
    hostname="packages.example.test",
    shields=shields_binding([ShieldNode("eu-west-1-0.shield.example.test:8443", "eu-west-1")]),
    worker=Worker([("b-eu", "eu-west-1"), ("b-us", "us-east-1")], f"deployments/edge/{'a' * 64}.js", "a" * 64),
    table=Table("metadata", "eu-west-1", "us-east-1"),
    edge_secret_id="artifact-edge/test/edge",
    certificate_secret_id="artifact-edge/test/pops",
    secret_region="us-east-1",
)


def files(settings: PopSettings = SETTINGS) -> dict[str, cloud_init.BootFile]:
    text = cloud_init.text_of(base64.b64decode(user_data(settings)))
    return {file.path: file for file in cloud_init.parse(text).files}


def program(name: str, directory: Path) -> Any:
    """A program of the machine as a module, with `directory` in the place of its own."""
    path = str(MACHINE / "files" / "usr" / "local" / "sbin" / name)
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    module.__dict__["DIRECTORY"] = directory
    return module


def test_same_settings_give_same_bytes() -> None:
    assert user_data(SETTINGS) == user_data(replace(SETTINGS))


def test_fits_ec2_with_shields_in_every_region_there_is() -> None:
    nodes = [ShieldNode(f"{name}-{n}.shield.example.test:8443", name) for name in REGIONS for n in range(3)]
    many = replace(SETTINGS, shields=shields_binding(nodes))
    assert len(base64.b64decode(user_data(many))) <= USER_DATA_LIMIT


def test_no_hole_is_left_open_and_no_secret_is_brought() -> None:
    for path, file in files().items():
        assert "@" not in file.content.replace("@plugin", "").replace("@pparam", "").replace("@cloudflare", "") or (
            path.startswith(("/usr/local/sbin/", "/etc/artifact-edge/pop.env"))
        ), path
        assert not path.startswith("/run"), path
    assert secrets_in(user_data(SETTINGS)) == []


def test_the_worker_runs_with_the_bindings_that_it_has_on_cloudflare() -> None:
    config = files()["/etc/artifact-edge/worker.capnp"].content
    for binding in ("ENTITLEMENTS", "HOSTNAME", "ORIGIN_KEY", "SHIELD", "SHIELDS", "TOKEN_SIGNING_KEY"):
        assert f'(name = "{binding}", ' in config
    assert 'text = "packages.example.test"' in config
    assert json.loads(files()["/etc/artifact-edge/shields.json"].content) == json.loads(SETTINGS.shields)


def test_buckets_are_asked_in_their_order() -> None:
    assert "WORKER_BUCKETS=b-eu@eu-west-1 b-us@us-east-1\n" in files()["/etc/artifact-edge/pop.env"].content


def test_programs_are_executable_and_configuration_is_not() -> None:
    for path, file in files().items():
        assert file.permissions == (0o755 if path.startswith("/usr/local/sbin/") else 0o644), path


@pytest.mark.parametrize("hostname", ["", 'a"b', "a b"])
def test_hostname_that_is_none_is_refused(hostname: str) -> None:
    with pytest.raises(UserDataError, match="of the PoP in eu-west-1 is none"):
        user_data(replace(SETTINGS, hostname=hostname))


def test_the_runtime_is_the_one_that_the_worker_is_tested_with() -> None:
    lock = json.loads((ROOT / "workers" / "edge" / "package-lock.json").read_text())["packages"]
    arm = lock["node_modules/@cloudflare/workerd-linux-arm64"]
    assert lock["node_modules/workerd"]["version"] == arm["version"] == VERSION
    assert arm["integrity"] == "sha512-" + base64.b64encode(bytes.fromhex(package("arm64").sha512)).decode()
    assert package("amd64").url.endswith(f"/workerd-linux-64-{VERSION}.tgz")


def test_a_runtime_with_another_digest_is_not_installed(tmp_path: Path) -> None:
    archive = tmp_path / "workerd.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        body = b"#!/bin/sh\n"
        entry = tarfile.TarInfo("package/bin/workerd")
        entry.size = len(body)
        tar.addfile(entry, io.BytesIO(body))
    fetch = program("fetch-worker", tmp_path)
    with pytest.raises(SystemExit, match="has the digest"):
        fetch.ensure_workerd(archive.as_uri(), "0" * 128)
    assert not (tmp_path / "workerd").exists()
    fetch.ensure_workerd(archive.as_uri(), hashlib.sha512(archive.read_bytes()).hexdigest())
    assert (tmp_path / "workerd").read_bytes() == body
    assert (tmp_path / "workerd").stat().st_mode & 0o111


@pytest.mark.usefixtures("aws_cloud")
def test_a_worker_comes_from_the_first_bucket_that_has_it_and_only_with_its_digest(tmp_path: Path) -> None:
    from local.providers.aws.clients import client

    s3 = client("s3")
    for bucket in ("b-us", "b-empty"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="b-us", Key="worker.js", Body=b"export default {}")
    digest = hashlib.sha256(b"export default {}").hexdigest()
    fetch = program("fetch-worker", tmp_path)
    with pytest.raises(SystemExit, match="has the digest"):
        fetch.ensure_worker(["b-us@us-east-1"], "worker.js", "0" * 64)
    with pytest.raises(SystemExit, match=r"no bucket has worker\.js"):
        fetch.ensure_worker(["b-empty@us-east-1"], "worker.js", digest)
    assert not (tmp_path / "worker.js").exists()
    fetch.ensure_worker(["b-empty@us-east-1", "b-us@us-east-1"], "worker.js", digest)
    assert (tmp_path / "worker.js").read_bytes() == b"export default {}"
