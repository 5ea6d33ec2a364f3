"""Corrects replicas of KMS keys. In moto 5.2 a replica shares the aliases of its primary key, and its description says
that it is the primary key."""

from __future__ import annotations

from typing import Any, cast

from moto.kms.models import Key, KmsBackend


def replicate(backend: KmsBackend, key_id: str, replica_region: str) -> Key:
    """Replaces `KmsBackend.replicate_key`: gives the replica separate aliases and a description as a replica."""
    replica = cast(Key, _ORIGINAL(backend, key_id, replica_region))
    replica.aliases = {}
    replica.multi_region_configuration = {**replica.multi_region_configuration, "MultiRegionKeyType": "REPLICA"}
    return replica


_ORIGINAL: Any = KmsBackend.replicate_key


def patch_replicas() -> None:
    """Makes moto keep replicas of KMS keys separate from their primary key."""
    cast(Any, KmsBackend).replicate_key = replicate
