"""Corrects replicas of KMS keys in moto 5.2. There, a replica shares the aliases of its primary key, and its
description says that it is the primary key. The replica also lacks the tags in the request that creates it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from moto.kms.models import Key, KmsBackend, kms_backends
from moto.kms.responses import KmsResponse

from emulation.layout import AWS_ACCOUNT_ID


def replicate(backend: KmsBackend, key_id: str, replica_region: str) -> Key:
    """Replaces `KmsBackend.replicate_key`: gives the replica its own mapping of aliases, which is empty at first, and
    marks the key as a replica.
    """
    replica = cast(Key, _ORIGINAL(backend, key_id, replica_region))
    replica.aliases = {}
    replica.multi_region_configuration = {**replica.multi_region_configuration, "MultiRegionKeyType": "REPLICA"}
    return replica


def replicate_with_tags(response: KmsResponse) -> str:
    """Replaces `KmsResponse.replicate_key`: gives the replica the tags in the request (KMS API Reference,
    "ReplicateKey")."""
    answer: str = _ORIGINAL_RESPONSE(response)
    given: Any = response
    key = given._get_param("KeyId").rpartition("/")[2]
    listed: list[dict[str, str]] = given._get_param("Tags") or []
    tags = {tag["TagKey"]: tag["TagValue"] for tag in listed}
    cast(Any, kms_backends)[AWS_ACCOUNT_ID][given._get_param("ReplicaRegion")].tag_resource(key, tags)
    return answer


_ORIGINAL: Any = KmsBackend.replicate_key
_ORIGINAL_RESPONSE: Any = KmsResponse.replicate_key


def patches() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """Yields each method of moto that the emulation replaces: the class, the method's name, and the new method."""
    yield KmsBackend, "replicate_key", replicate
    yield KmsResponse, "replicate_key", replicate_with_tags


def patch_replicas() -> None:
    """Makes moto keep replicas of KMS keys separate from their primary key."""
    for owner, name, method in patches():
        setattr(owner, name, method)
