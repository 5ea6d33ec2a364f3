"""Tests the registry's signatures of npm versions. The tests verify signatures as `npm audit signatures` does (pacote,
lib/registry.js).
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from registry import RegistryError, amend, keys
from registry import publish as publishing
from registry.catalog.audit import By
from registry.ecosystems.packages import parse
from registry.importing import Wanted
from registry.importing.apis import Api
from registry.importing.images.carry import ImageRegistries
from registry.importing.journal import Journal
from registry.importing.pipeline import Import
from registry.target import Target
from tests.support.packages import tarball
from tests.support.registry import Network, network, on_s3_only

__all__ = ["network"]

BY = By("tester", "", "publish")


def create_key() -> None:
    keys.initialize("unit", "artifact-edge.test", "us-east-1", "kv-token")


def fresh(network: Network) -> Target:
    """Returns the test's settings object without cached values, as in a new process of the registry."""
    return Target.model_validate(network.target.model_dump())


def publish(network: Network, directory: Path, version: str, name: str = "@acme/web") -> bool:
    file = tarball(directory / "x.tgz", {"name": name, "version": version})
    (published,) = publishing.publish(fresh(network), [file], BY).published
    return published.new


def verify(network: Network, name: str) -> dict[str, str]:
    """Verifies all signatures in the full and the abbreviated packument. Returns a mapping from each version to the ID
    of the key that signed the version.
    """
    listed = {key["keyid"]: key for key in network.json("npm/-/keys.json")["keys"]}
    found: dict[str, str] = {}
    for document in ("packument.json", "packument.abbreviated.json"):
        for version, manifest in network.json(f"npm/{name}/{document}")["versions"].items():
            for signature in manifest["dist"]["signatures"]:
                public: Any = serialization.load_der_public_key(base64.b64decode(listed[signature["keyid"]]["key"]))
                text = f"{name}@{version}:{manifest['dist']['integrity']}".encode()
                public.verify(base64.b64decode(signature["sig"]), text, ec.ECDSA(hashes.SHA256()))
                with pytest.raises(InvalidSignature):
                    public.verify(base64.b64decode(signature["sig"]), text + b"x", ec.ECDSA(hashes.SHA256()))
                found[version] = signature["keyid"]
    return found


def test_a_published_version_is_signed_with_a_key_that_the_keys_endpoint_lists(
    network: Network, tmp_path: Path
) -> None:
    create_key()
    publish(network, tmp_path, "1.0.0")
    publish(network, tmp_path, "1.1.0")
    assert verify(network, "@acme/web").keys() == {"1.0.0", "1.1.0"}
    (key,) = network.json("npm/-/keys.json")["keys"]
    assert key.keys() == {"expires", "keyid", "keytype", "scheme", "key"}
    assert (key["expires"], key["keytype"], key["scheme"]) == (None, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256")
    digest = base64.b64encode(hashlib.sha256(base64.b64decode(key["key"])).digest()).decode().rstrip("=")
    assert key["keyid"] == f"SHA256:{digest}"


def test_publishing_the_same_bytes_again_changes_no_signature(network: Network, tmp_path: Path) -> None:
    create_key()
    assert publish(network, tmp_path, "1.0.0") is True
    before = network.head("npm/@acme/web/packument.json").validator
    assert publish(network, tmp_path, "1.0.0") is False
    assert network.head("npm/@acme/web/packument.json").validator == before


def test_an_imported_version_is_signed(network: Network, tmp_path: Path) -> None:
    create_key()
    wanted = [Wanted("npm", tarball(tmp_path / f"{n}.tgz", {"name": f"p{n}", "version": "1.0.0"}), "") for n in (1, 2)]
    journal = Journal(tmp_path / "journal")
    imported = Import(network.target, BY, journal, Api(), ImageRegistries(), workers=2, report=lambda _: None).run(
        wanted
    )
    journal.close()
    assert (imported.new, imported.failed) == (2, [])
    assert verify(network, "p1") == verify(network, "p2") != {}


@on_s3_only
def test_without_a_key_versions_are_published_unsigned_and_signed_later(network: Network, tmp_path: Path) -> None:
    versions = [f"1.{number}.0" for number in range(60)]
    files = [tarball(tmp_path / f"{each}.tgz", {"name": "@acme/web", "version": each}) for each in versions]
    publishing.publish(fresh(network), files, BY)
    manifest = network.json("npm/@acme/web/packument.json")["versions"]["1.0.0"]
    assert "signatures" not in manifest["dist"]
    assert "npm/-/keys.json" not in network.objects()
    package = parse("npm:@acme/web")
    with pytest.raises(RegistryError, match="has no key to sign with; create it: python -m registry keys init"):
        amend.signed(fresh(network), package)
    create_key()
    target = fresh(network)
    publishing.apply(target, amend.signed(target, package), BY)
    assert len(verify(network, "@acme/web")) == 60


def test_after_a_rotation_older_signatures_still_verify(network: Network, tmp_path: Path) -> None:
    create_key()
    publish(network, tmp_path, "1.0.0")
    manager = cast(Any, boto3).client("secretsmanager", region_name="us-east-1")
    manager.delete_secret(SecretId="artifact-edge/unit/npm-signing", ForceDeleteWithoutRecovery=True)
    create_key()
    publish(network, tmp_path, "2.0.0")
    found = verify(network, "@acme/web")
    assert found["1.0.0"] != found["2.0.0"]
    assert len(network.json("npm/-/keys.json")["keys"]) == 2


def test_a_key_that_may_not_be_read_stops_the_publication(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = cast(Any, boto3).client("secretsmanager", region_name="us-east-1")

    def denied(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSecretValue")

    def same_manager(*_: Any, **__: Any) -> Any:
        return manager

    monkeypatch.setattr(manager, "get_secret_value", denied)
    monkeypatch.setattr(boto3, "client", same_manager)
    with pytest.raises(RegistryError, match=r"artifact-edge/unit/npm-signing: cannot be read: .*AccessDenied"):
        _ = fresh(network).npm_signer


def test_the_private_key_is_in_no_object_and_in_no_record(network: Network, tmp_path: Path) -> None:
    create_key()
    publish(network, tmp_path, "1.0.0")
    manager = cast(Any, boto3).client("secretsmanager", region_name="us-east-1")
    private = manager.get_secret_value(SecretId="artifact-edge/unit/npm-signing")["SecretString"]
    body = private.split("\\n")[1]
    assert len(body) == 64
    kept = [network.get(key).decode("latin1") for key in network.objects()]
    database = cast(Any, boto3).client("dynamodb", region_name="us-east-1").scan(TableName="metadata")["Items"]
    assert not [text for text in [*kept, str(database)] if body in text]
