"""Renders the public keys of this registry. `npm audit signatures` uses these keys to verify the registry's signatures
of npm packages.

Source: npm docs, "About ECDSA registry signatures".
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from registry.catalog.artifact import Document, Known, Reader

PARTITION = "npm-keys"


@dataclass(frozen=True)
class NpmKeys:
    """The public keys with which clients verify the registry's signatures of npm versions.

    The record `key#<keyid>` of a key stays after a rotation, because older signatures need the key.
    """

    @property
    def partition(self) -> str:
        return PARTITION

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """Renders the document that npm fetches from `/-/npm/v1/keys`: the list of public keys."""
        keys = [{"expires": None, **fact} for _, fact in sorted(known.of_kind("key").items())]
        return [Document("npm/-/keys.json", "application/json", json.dumps({"keys": keys}).encode())]
