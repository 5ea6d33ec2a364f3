"""Renders the public keys of the registry's signatures of npm packages, for `npm audit signatures`.

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
    """All public keys that signed versions. The record `key#<keyid>` stays after a rotation, for older signatures."""

    @property
    def partition(self) -> str:
        return PARTITION

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """Returns the document of the endpoint `/-/npm/v1/keys`."""
        keys = [{"expires": None, **fact} for _, fact in sorted(known.of_kind("key").items())]
        return [Document("npm/-/keys.json", "application/json", json.dumps({"keys": keys}).encode())]
