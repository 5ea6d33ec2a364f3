"""Signs npm versions with the registry's own key, so that `npm audit signatures` can verify installed packages.

Sources: npm docs, "About ECDSA registry signatures" (the signed text, the form of keys); pacote, lib/registry.js.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from contract.secrets import secret_id
from registry import RegistryError
from registry.catalog.artifact import Artifact, Change, Fact
from registry.ecosystems.npm_keys import PARTITION, NpmKeys
from registry.ecosystems.packument import NpmPackage
from registry.metadata import Repository

_SCHEME = "ecdsa-sha2-nistp256"


class NpmSigner:
    """Signs npm versions with one ECDSA P-256 key. The public key is recorded in the metadata database together with
    the first signature.
    """

    def __init__(self, private_key: str, repository: Repository) -> None:
        key = serialization.load_pem_private_key(private_key.encode(), password=None)
        self._key = cast(ec.EllipticCurvePrivateKey, key)
        self._repository = repository

    @cached_property
    def public_key(self) -> Mapping[str, str]:
        """The public key in the form in which `/-/npm/v1/keys` lists keys. The key's id is its SHA-256 digest."""
        encoded = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        digest = base64.b64encode(hashlib.sha256(encoded).digest()).decode().rstrip("=")
        key = base64.b64encode(encoded).decode()
        return {"keyid": f"SHA256:{digest}", "keytype": _SCHEME, "scheme": _SCHEME, "key": key}

    def signature(self, name: str, version: str, integrity: str) -> Fact:
        """Returns the metadata record with the signature of an npm version. The same version always has the same
        signature.
        """
        # The ECDSA signature is deterministic (RFC 6979). Publishing the same version again therefore changes nothing.
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        signed = self._key.sign(f"{name}@{version}:{integrity}".encode(), algorithm)
        content = {"keyid": self.public_key["keyid"], "sig": base64.b64encode(signed).decode()}
        return Fact(f"signature#{version}", content, immutable=False)

    def signed(self, artifact: Artifact) -> Artifact:
        """Returns a copy of the artifact with a signature of each npm version. If the metadata database does not have
        the registry's public key yet, the copy's `changes` also add this key to the database.
        """
        changes = [self._changed(change) for change in artifact.changes]
        if changes == list(artifact.changes):
            return artifact
        return replace(artifact, changes=[*changes, *self.key_change()])

    def key_change(self) -> list[Change]:
        """Returns a list with the change to the metadata database that records the public key. The list is empty if the
        database has the key already.
        """
        keyid = self.public_key["keyid"]
        return [] if self._recorded else [Change(NpmKeys(), [Fact(f"key#{keyid}", self.public_key)])]

    @cached_property
    def _recorded(self) -> bool:
        return self._repository.item(PARTITION, f"key#{self.public_key['keyid']}") is not None

    def _changed(self, change: Change) -> Change:
        package = change.package
        if not isinstance(package, NpmPackage):
            return change
        signatures = [
            self.signature(package.name, fact.name.partition("#")[2], fact.content["integrity"])
            for fact in change.facts
            if fact.name.startswith("version#")
        ]
        return replace(change, facts=[*change.facts, *signatures]) if signatures else change


def npm_signer(environment: str, region: str, repository: Repository) -> NpmSigner | None:
    """Returns the signer of npm versions for an environment, or None if `keys init` has not created a key.

    Raises RegistryError if the key cannot be read.
    """
    name = secret_id(environment, "npm-signing")
    manager = cast(Any, boto3).client("secretsmanager", region_name=region)
    try:
        secret: Any = json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        return None
    except ClientError as error:
        raise RegistryError(
            f"secret {name}: cannot be read: {error}; npm versions are signed with it. Allow "
            "secretsmanager:GetSecretValue on it"
        ) from None
    return NpmSigner(secret["private_key"], repository)
