"""Renders the documents that OCI clients fetch (tags, tag lists, referrers) from a repository's metadata records.

Source: OCI Distribution Specification 1.1 ("Pulling manifests", "Listing Tags", "Listing Referrers").
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.catalog.artifact import Document, Known, Reader

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# Matches a digest with SHA-256 or SHA-512. Clients can verify these two algorithms (OCI Image Specification 1.1,
# descriptor.md, "Registered Algorithms").
DIGEST = r"(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})"
_REFERRER = ("mediaType", "size", "artifactType", "annotations")


@dataclass(frozen=True)
class OciRepository:
    """A repository of images and other OCI artifacts.

    The metadata records `manifest#<digest>` and `unpublished#<digest>` of a repository never change. The record
    `tag#<tag>` changes when the tag moves to another manifest. When the tag is removed, the field `digest` of the
    record becomes empty.
    """

    name: str

    @property
    def partition(self) -> str:
        return f"oci#{self.name}"

    def documents(self, known: Known, touched: Collection[str], url: str, read: Reader) -> Sequence[Document]:
        """Renders the documents that depend on changed metadata records: tags, the list of tags, the list of contents,
        and lists of referrers. `touched` contains the names of the changed records.
        """
        manifests, tags = known.of_kind("manifest"), listed_tags(known)
        renewed, referred = set[str](), set[str]()
        for kind, name in (fact.split("#", 1) for fact in touched):
            if kind == "tag":
                renewed.add(name)
            else:
                referred |= {name, manifests[name]["subject"]} - {""}
            if kind == "unpublished":
                renewed |= {tag for tag, fact in known.of_kind("tag").items() if fact["digest"] == name}
        # The OCI Distribution Specification requires "case-insensitive alphanumeric order" for a list of tags.
        listed = {"name": self.name, "tags": sorted(tags, key=lambda tag: (tag.lower(), tag))}
        return [
            *(self._tag(tag, tags.get(tag, ""), manifests, read) for tag in sorted(renewed)),
            Document(f"oci/taglists/{self.name}/list.json", "application/json", json.dumps(listed).encode()),
            self._contents(known),
            *(self._referrers(digest, known) for digest in sorted(referred)),
        ]

    def _tag(self, tag: str, digest: str, manifests: Mapping[str, Mapping[str, Any]], read: Reader) -> Document:
        key = f"oci/tags/{self.name}/{tag}"
        if not digest:
            return Document(key, "", None)
        return Document(key, manifests[digest]["mediaType"], read(manifest_key(self.name, digest)), digest)

    def _contents(self, known: Known) -> Document:
        """Renders the document that lists a repository's contents: the digest of each tag, and each manifest's
        publication time.

        Only the edge worker reads this document, to evaluate the edge policy.
        """
        times = {digest: known.written[f"manifest#{digest}"] for digest in listed_manifests(known)}
        contents = {"tags": listed_tags(known), "manifests": times}
        return Document(f"oci/taglists/{self.name}/contents.json", "application/json", json.dumps(contents).encode())

    def _referrers(self, digest: str, known: Known) -> Document:
        """Renders the referrers list of the manifest `digest`. The list is an image index with all manifests whose
        field `subject` is this digest.
        """
        gone = known.of_kind("unpublished")
        descriptors = [
            {name: fact[name] for name in _REFERRER if fact.get(name)} | {"digest": referrer}
            for referrer, fact in sorted(known.of_kind("manifest").items())
            if fact.get("subject") == digest and referrer not in gone
        ]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}
        key = f"oci/referrers/{self.name}/{digest.replace(':', '/')}.json"
        return Document(key, INDEX, json.dumps(index).encode())


def listed_manifests(known: Known) -> list[str]:
    """Returns the sorted digests of the repository's manifests. Leaves out manifests that were unpublished."""
    return sorted(known.of_kind("manifest").keys() - known.of_kind("unpublished").keys())


def listed_tags(known: Known) -> dict[str, str]:
    """Returns a mapping from each tag to the digest of its manifest. Leaves out removed tags, and tags of unpublished
    manifests.
    """
    gone = known.of_kind("unpublished")
    digests = {tag: str(fact["digest"]) for tag, fact in known.of_kind("tag").items()}
    return {tag: digest for tag, digest in digests.items() if digest and digest not in gone}


def manifest_key(repository: str, digest: str) -> str:
    """Returns the object key under which the origin stores a manifest."""
    return f"oci/manifests/{repository}/{digest.replace(':', '/')}"
