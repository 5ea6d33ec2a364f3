"""Tests the keys with which the edge, the shields (regional caches) and other tiers authenticate to each other. Also
tests that a second run of `keys init` changes nothing.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from emulation.providers.aws.clients import client
from registry import RegistryError, keys
from registry.__main__ import app

pytestmark = pytest.mark.usefixtures("aws_cloud")


def secret(name: str) -> dict[str, str]:
    text = client("secretsmanager").get_secret_value(SecretId=f"artifact-edge/dev/{name}")["SecretString"]
    return json.loads(text)


def certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def test_shields_can_verify_the_edge() -> None:
    keys.initialize("dev", "example.com", "us-east-1", "kv-token")
    shield, edge = secret("shield"), secret("edge")
    presented = certificate(edge["client_certificate"])
    presented.verify_directly_issued_by(certificate(shield["client_ca"]))
    usage = presented.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert shield["origin_key"] == edge["origin_key"]


def test_the_key_fits_the_certificate() -> None:
    keys.initialize("dev", "example.com", "us-east-1", "kv-token")
    edge = secret("edge")
    key: Any = serialization.load_pem_private_key(edge["client_key"].encode(), password=None)
    assert key.public_key() == certificate(edge["client_certificate"]).public_key()


def test_machines_receive_no_key_of_the_authority() -> None:
    keys.initialize("dev", "example.com", "us-east-1", "kv-token")
    held = {*secret("shield").values(), *secret("edge").values()}
    assert secret("authority")["client_ca_key"] not in held


def test_a_second_run_changes_nothing_and_prints_no_key() -> None:
    arguments = ["keys", "init", "--environment", "dev", "--domain", "example.com", "--region", "us-east-1"]
    first = CliRunner().invoke(app, arguments, env={"CLOUDFLARE_KV_API_TOKEN": "kv-token"})
    names = ("authority", "shield", "edge", "metadata-api", "npm-signing", "purge-signing", "edge-kv")
    before = [secret(name) for name in names]
    second = CliRunner().invoke(app, arguments)
    assert [secret(name) for name in names] == before
    assert second.output == "the keys of dev exist already\n"
    assert "PRIVATE" not in first.output
    assert before[1]["origin_key"] not in first.output


def test_the_secret_of_shields_gets_each_replica_once_and_replicas_follow_it() -> None:
    arguments = ["keys", "init", "--environment", "dev", "--domain", "example.com", "--region", "us-east-1"]
    replicas = ["--replica", "us-east-1", "--replica", "eu-west-1"]
    CliRunner().invoke(app, arguments, env={"CLOUDFLARE_KV_API_TOKEN": "kv-token"})
    assert CliRunner().invoke(app, [*arguments, *replicas]).output == "wrote artifact-edge/dev/shield in eu-west-1\n"
    assert CliRunner().invoke(app, [*arguments, *replicas]).output == "the keys of dev exist already\n"
    client("secretsmanager").put_secret_value(SecretId="artifact-edge/dev/shield", SecretString="{}")
    replica = client("secretsmanager", {"region": "eu-west-1"})
    assert replica.get_secret_value(SecretId="artifact-edge/dev/shield")["SecretString"] == "{}"


def test_only_the_secrets_of_own_pops_get_replicas_in_the_regions_of_pops() -> None:
    arguments = ["keys", "init", "--environment", "dev", "--domain", "example.com", "--region", "us-east-1"]
    arguments += ["--pop-replica", "us-east-1", "--pop-replica", "sa-east-1"]
    CliRunner().invoke(app, arguments, env={"CLOUDFLARE_KV_API_TOKEN": "kv-token"})
    listed = client("secretsmanager", {"region": "sa-east-1"}).list_secrets()["SecretList"]
    assert {each["Name"] for each in listed} == {
        f"artifact-edge/dev/{name}" for name in ("edge", "metadata-api", "purge-signing")
    }
    assert CliRunner().invoke(app, arguments).output == "the keys of dev exist already\n"


def test_an_interrupted_run_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*arguments: object) -> dict[str, str]:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(keys, "_edge", crash)
        with pytest.raises(KeyboardInterrupt):
            keys.initialize("dev", "example.com", "us-east-1", "kv-token")
    assert keys.initialize("dev", "example.com", "us-east-1", "kv-token") == [
        f"artifact-edge/dev/{name}" for name in ("edge", "metadata-api", "npm-signing", "purge-signing", "edge-kv")
    ]
    assert secret("edge")["origin_key"] == secret("shield")["origin_key"]


def test_each_function_has_a_secret_of_its_own_and_so_has_the_edge() -> None:
    keys.initialize("dev", "example.com", "us-east-1", "kv-token")
    assert secret("edge-kv") == {"api_token": "kv-token"}
    signing = [secret(name)["key"] for name in ("metadata-api", "purge-signing")]
    assert [len(key) for key in signing] == [43, 43]
    assert not {"kv-token", *signing} & set(secret("edge").values())


def test_a_missing_api_token_is_reported_and_the_rest_is_written() -> None:
    with pytest.raises(RegistryError, match="CLOUDFLARE_KV_API_TOKEN is not set: create a Cloudflare API token"):
        keys.initialize("dev", "example.com", "us-east-1", "")
    assert secret("edge")
    assert keys.initialize("dev", "example.com", "us-east-1", "kv-token") == ["artifact-edge/dev/edge-kv"]
