"""Encodes the documents through which the edge worker gets the edge policy and the data set of advisories.

| form | written by | read by |
| --- | --- | --- |
| item `current` of the metadata database | `registry/edge_policy/versions.py` | the metadata API |
| item `data-sets` of the metadata database (contract/advisories.py) | `registry/advisories` | the metadata API |
| feed document of the metadata API | `feed_document` | `workers/edge/src/policies.ts` |
| entry in Workers KV, for a worker without a feed document | `encode_entry` | `workers/edge/src/policies.ts` |
| object at the origin: a policy's text | `registry/edge_policy/versions.py` | `workers/edge/src/policies.ts` |

The SHA-256 digest of a policy's text identifies the policy. The SHA-256 digest of a data set's index identifies the
data set. The first four forms in the table contain digests of the latest policies or data sets. The newest digest comes
first. A feed document is a small document that the edge worker reads every 2 s. The edge worker applies the first
policy and the first data set that it accepts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# The partition of the metadata database whose items contain the digests of the latest edge policies and data sets of
# advisories.
PARTITION = "edge-policy"
CURRENT = "current"
# This string sorts before the names of all items in a partition. A query for later names therefore returns the whole
# partition.
BEFORE = "!"

# The name of the edge policy's feed in a request to the metadata API. A feed is a small document that the edge worker
# reads every 2 s.
FEED = "edge-policy"

# The key of the entry in Workers KV with the digests of the latest edge policies and data sets of advisories.
ENTRY = "edge-policy"

# The maximum number of edge policy digests that the edge worker receives, the newest first. If the worker does not
# accept the newest policy, it applies an older one from this list.
KNOWN = 5

_FORMAT = 1


def object_key(digest: str) -> str:
    """Returns the key of the origin's object that holds the edge policy with the given digest."""
    return f"edge-policies/{digest}.json"


def feed_document(items: Iterable[Mapping[str, Any]], read: float) -> str:
    """Returns the feed of the edge policy, a small document that the edge worker reads every 2 s. `items` are the items
    of the policy's partition in the metadata database. `read` is the time of the query for these items, in seconds
    since 1970.
    """
    found: dict[str, Any] = {}
    for item in items:
        found |= item
    document = {"version": _FORMAT, "read": read, **_digests(found.get("policies", ()), found.get("advisories", ()))}
    return json.dumps(document, separators=(",", ":"))


def encode_entry(policies: Sequence[str], advisories: Sequence[str]) -> bytes:
    """Returns the content of the Workers KV entry that lists the digests of the edge policies and of the data sets of
    advisories. Each list starts with the newest digest.
    """
    return json.dumps({"version": _FORMAT, **_digests(policies, advisories)}, separators=(",", ":")).encode()


def _digests(policies: Sequence[str], advisories: Sequence[str]) -> dict[str, list[str]]:
    return {"policies": list(policies), "advisories": list(advisories)}
