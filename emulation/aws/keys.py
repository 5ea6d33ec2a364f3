"""Replicas of KMS keys. moto 5.2 has a replica share its primary's aliases and its claim to be the primary."""

from __future__ import annotations

from typing import Any, cast

from moto.kms.models import Key, KmsBackend


def replicate(backend: KmsBackend, key_id: str, replica_region: str) -> Key:
    """Stands in for `KmsBackend.replicate_key`: a replica has aliases and a description of itself of its own."""
    replica = cast(Key, _ORIGINAL(backend, key_id, replica_region))
    replica.aliases = {}
    replica.multi_region_configuration = {**replica.multi_region_configuration, "MultiRegionKeyType": "REPLICA"}
    return replica


_ORIGINAL: Any = KmsBackend.replicate_key


def patch_replicas() -> None:
    """Makes moto keep replicas apart from now on."""
    cast(Any, KmsBackend).replicate_key = replicate
