"""Creates an environment's keys and certificates in AWS Secrets Manager. The keys never enter git or the stack's
config.

The edge and the shields (regional caches) each have a secret with only what they need (docs/contracts.md, "Between the
tiers"). The certificate authority of the edge's client certificate is in a separate secret, which no machine may read.
"""

from __future__ import annotations

import datetime
import json
import secrets
from collections.abc import Sequence
from typing import Any, cast

import boto3
from cryptography.hazmat.primitives.asymmetric import ec

from contract.secrets import POP_SECRETS, SecretName, secret_id
from registry import RegistryError
from registry.certificates import authority_name, client_certificate, leaf_name, load, new_authority, private_pem

KV_TOKEN_VARIABLE = "CLOUDFLARE_KV_API_TOKEN"  # noqa: S105  the name of a variable


def initialize(
    environment: str,
    domain: str,
    region: str,
    kv_token: str,
    replicas: Sequence[str] = (),
    pop_replicas: Sequence[str] = (),
) -> list[str]:
    """Writes the missing secrets of an environment such as `prod`, and returns their names.

    Also replicates the secret of the shields (regional caches) to the regions `replicas`, and the secrets of our own
    PoPs to the regions `pop_replicas`. Existing replicas stay unchanged. Secrets Manager keeps each replica equal to
    its secret.

    `kv_token` is a Cloudflare API token that may edit Workers KV. Cloud functions write token entries with this API
    token. If `kv_token` is empty and its secret does not exist yet, the function writes the other secrets and then
    raises RegistryError.

    If a run is interrupted, a second run creates the missing secrets. The certificate authority is stored first, so
    that the same authority signs the certificates in a second run.
    """
    manager = cast(Any, boto3).client("secretsmanager", region_name=region)
    written: list[str] = []

    def ensure(name: SecretName, make: Any) -> dict[str, str]:
        full_name = secret_id(environment, name)
        try:
            return json.loads(manager.get_secret_value(SecretId=full_name)["SecretString"])
        except manager.exceptions.ResourceNotFoundException:
            content: dict[str, str] = make()
            manager.create_secret(Name=full_name, SecretString=json.dumps(content))
            written.append(full_name)
            return content

    authority = ensure("authority", lambda: _authority_of(environment))
    shield = ensure("shield", lambda: _shield(authority))
    ensure("edge", lambda: _edge(authority, shield["origin_key"], environment))
    ensure("metadata-api", lambda: {"key": secrets.token_urlsafe(32)})
    ensure("npm-signing", lambda: {"private_key": private_pem(ec.generate_private_key(ec.SECP256R1()))})
    ensure("purge-signing", lambda: {"key": secrets.token_urlsafe(32)})
    written += _replicate(manager, secret_id(environment, "shield"), region, replicas)
    for name in POP_SECRETS:
        written += _replicate(manager, secret_id(environment, name), region, pop_replicas)
    ensure("edge-kv", lambda: _api_token(kv_token))
    return written


def _replicate(manager: Any, secret: str, region: str, replicas: Sequence[str]) -> list[str]:
    """Creates a replica of a secret in each region in `replicas` that has none yet. For each new replica, the result
    contains a string with the name of the secret and the region.
    """
    status = manager.describe_secret(SecretId=secret).get("ReplicationStatus", [])
    missing = [each for each in replicas if each not in {region, *(replica["Region"] for replica in status)}]
    if missing:
        added = [{"Region": each} for each in missing]
        manager.replicate_secret_to_regions(SecretId=secret, AddReplicaRegions=added)
    return [f"{secret} in {each}" for each in missing]


def _authority_of(environment: str) -> dict[str, str]:
    client = new_authority(authority_name(environment), datetime.datetime.now(datetime.UTC))
    return {"client_ca": client.certificate_pem, "client_ca_key": client.key_pem}


def _shield(authority: dict[str, str]) -> dict[str, str]:
    return {"client_ca": authority["client_ca"], "origin_key": secrets.token_urlsafe(32)}


def _edge(authority: dict[str, str], origin_key: str, environment: str) -> dict[str, str]:
    issuer = load(authority["client_ca"], authority["client_ca_key"])
    client = client_certificate(issuer, leaf_name(environment), datetime.datetime.now(datetime.UTC))
    return {
        "client_certificate": client.certificate_pem,
        "client_key": client.key_pem,
        "origin_key": origin_key,
        "token_signing_key": secrets.token_urlsafe(32),
    }


def _api_token(token: str) -> dict[str, str]:
    if not token:
        raise RegistryError(
            f"{KV_TOKEN_VARIABLE} is not set: create a Cloudflare API token that may only edit Workers KV Storage of "
            "the account, and put it into this variable"
        )
    return {"api_token": token}
