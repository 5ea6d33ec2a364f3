"""The certificate for the clients' hostname on own PoPs, which on a real stack the operator's ACME client renews and
stores; here the world's own authority issues it."""

from __future__ import annotations

import json
from typing import Any, cast

import boto3

from local.cloudflare.pki import Authority, names_of
from local.layout import World


def ensure(world: World, stack: str, domain: str, region: str) -> None:
    """Stores one in `artifact-edge/<stack>/pops`, unless a good one is there."""
    manager: Any = cast(Any, boto3).client(
        "secretsmanager",
        region_name=region,
        endpoint_url=world.aws_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  the emulated AWS takes any
    )
    secret, names = f"artifact-edge/{stack}/pops", {f"packages.{domain}"}
    try:
        held = json.loads(manager.get_secret_value(SecretId=secret)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        held = None
    if held is not None and names_of(held["certificate"].encode()) == names:
        return
    issued = Authority(world.path("pki", "edge-ca.pem").parent).issue(names)
    text = json.dumps({"certificate": issued.chain.decode(), "key": issued.key.decode()})
    if held is None:
        manager.create_secret(Name=secret, SecretString=text)
    else:
        manager.put_secret_value(SecretId=secret, SecretString=text)
