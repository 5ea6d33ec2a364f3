"""Encodes the data set of advisories, which the edge worker reads: known malware and vulnerabilities of packages.

| form | key at the origin |
| --- | --- |
| index: the filter, and the digests of the shards | `advisories/<digest>.json` |
| shard: the advisories of some packages | `advisories/shards/<digest>.json` |

`registry/advisories` writes the index and the shards. A digest is the SHA-256 of the object's text. The filter is a
Bloom filter of all packages with advisories, so the worker (workers/edge/src/advisories.ts) reads a shard only for a
package that probably has an advisory.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

# The name of the database item that contains the digests of the latest advisory data sets. The item is in the same
# partition as the edge policy: one feed document tells the edge worker the digests of the data sets and of the edge
# policies.
CURRENT = "data-sets"

# How many of the newest advisory data sets (known malware and vulnerabilities of packages) the edge worker learns of.
# If the worker cannot use the newest data set, it uses an older one.
KNOWN = 3

SHARDS = 256
_FORMAT = 1
# The number of bits that the key of a package sets in the Bloom filter. Each 32-bit word of the key's SHA-256 selects
# one bit to set.
_HASHES = 8
_BITS_MIN, _BITS_MAX = 1 << 10, 1 << 23


def index_key(digest: str) -> str:
    return f"advisories/{digest}.json"


def shard_key(digest: str) -> str:
    return f"advisories/shards/{digest}.json"


def package_key(ecosystem: str, name: str) -> str:
    """Returns the key of a package in a data set of advisories. `name` is the package's canonical name, in lowercase
    letters.
    """
    return f"{ecosystem}:{name}"


def shard_of(key: str) -> int:
    """Returns the number of the shard (a part of the advisory data set) that contains the package with this key. The
    number is the first byte of the key's SHA-256.
    """
    return hashlib.sha256(key.encode()).digest()[0]


class PackageFilter:
    """A Bloom filter of package keys. Its size is the smallest power of two that gives each key at least 8 bits, within
    the limits of 1,024 bits and 1 MiB.
    """

    def __init__(self, keys: int) -> None:
        wanted = 1 << max(8 * keys - 1, 1).bit_length()
        self._bits = min(max(wanted, _BITS_MIN), _BITS_MAX)
        self._bytes = bytearray(self._bits // 8)

    def add(self, key: str) -> None:
        for at in self._positions(key):
            self._bytes[at >> 3] |= 1 << (at & 7)

    def __contains__(self, key: str) -> bool:
        return all(self._bytes[at >> 3] & 1 << (at & 7) for at in self._positions(key))

    @property
    def text(self) -> str:
        """The bytes of the Bloom filter in Base64."""
        return base64.b64encode(self._bytes).decode()

    def _positions(self, key: str) -> list[int]:
        digest = hashlib.sha256(key.encode()).digest()
        words = [int.from_bytes(digest[4 * at : 4 * at + 4], "big") for at in range(_HASHES)]
        return [word % self._bits for word in words]


def encode_index(shards: Sequence[str], known: PackageFilter, counts: Mapping[str, Mapping[str, int]]) -> bytes:
    """Returns the index of a data set of advisories.

    `shards` lists the digest of each shard, or an empty string for a shard without packages. `counts` maps each
    ecosystem to its numbers of packages and advisories.
    """
    return _encoded({"version": _FORMAT, "shards": list(shards), "filter": known.text, "counts": counts})


def encode_shard(packages: Mapping[str, Any]) -> bytes:
    """Returns a shard (a part) of a data set of advisories. `packages` maps the key of each package to its advisories,
    in the form that registry/advisories/data_set.py compiles.
    """
    return _encoded({"version": _FORMAT, "packages": packages})


def _encoded(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
