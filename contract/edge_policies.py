"""Encodes the documents through which the edge worker gets the edge policy.

| form | written by | read by |
| --- | --- | --- |
| item `current` of the metadata database | `registry/edge_policy/versions.py` | the metadata API |
| feed document of the metadata API | `feed_document` | `workers/edge/src/policies.ts` |
| entry in Workers KV, for isolates without a feed document | `encode_entry` | `workers/edge/src/policies.ts` |
| object at the origin: a policy's text | `registry/edge_policy/versions.py` | `workers/edge/src/policies.ts` |

A policy is identified by the SHA-256 digest of its text. All forms except the last contain the digests of the latest
policies, with the newest first. The edge applies the first policy that it accepts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

# The partition of the metadata database whose only item contains the digests of the latest policies.
PARTITION = "edge-policy"
CURRENT = "current"
# A name that sorts before the names of all items, so a query for later names returns the whole partition.
BEFORE = "!"

# The name of the feed in a request to the metadata API.
FEED = "edge-policy"

# The key of the entry in Workers KV.
ENTRY = "edge-policy"

# The number of policies whose digests the edge gets. If the edge does not accept the newest policy, it applies an
# older one.
KNOWN = 5

_FORMAT = 1


def object_key(digest: str) -> str:
    """Returns the key of the object at the origin that holds the policy with the given digest."""
    return f"edge-policies/{digest}.json"


def feed_document(current: Mapping[str, Any] | None, read: float) -> str:
    """Returns the feed document. `current` is the database's item, read at the time `read`, in seconds since 1970."""
    document = {"version": _FORMAT, "read": read, "policies": list(current["policies"]) if current else []}
    return json.dumps(document, separators=(",", ":"))


def encode_entry(digests: Sequence[str]) -> bytes:
    """Returns the entry in Workers KV for the policies with these digests, the newest first."""
    return json.dumps({"version": _FORMAT, "policies": list(digests)}, separators=(",", ":")).encode()
