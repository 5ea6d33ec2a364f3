"""Emulates an image registry that serves the images in a directory.

Some tests import images that a real registry (Debian's package `docker-registry`) refuses to store.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.support.image_registry import Images

HOST = "up.test"


class ImageSource:
    """Answers requests as an image registry does. The registry has no referrers API unless `referrers` is set."""

    def __init__(self, images: Images, tags: Mapping[str, Mapping[str, Any]]) -> None:
        self._images = images
        self.tags = dict(tags)
        self.absent = set[str]()
        self.referrers: dict[str, list[Mapping[str, Any]]] | None = None
        self.content_types: dict[str, str] = {}
        # Maps a section of the registry's API, such as "blobs", to an HTTP error status. The registry answers every
        # request for this section with the status.
        self.refused: dict[str, int] = {}
        self.refuses_head = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        section, _, name = request.url.path.removeprefix("/v2/team/app/").partition("/")
        if request.method == "HEAD" and self.refuses_head:
            return httpx.Response(405)
        if section in self.refused:
            return httpx.Response(self.refused[section], html="<html></html>")
        if section == "tags":
            return httpx.Response(200, json={"name": "team/app", "tags": sorted(self.tags) or None})
        if section == "referrers" and self.referrers is not None:
            return httpx.Response(200, json={"manifests": self.referrers.get(name) or None})
        if section == "manifests":
            return self._manifest(self.tags.get(name, {"digest": name})["digest"])
        body = self._read(name) if section == "blobs" else None
        return httpx.Response(404) if body is None else httpx.Response(200, content=body)

    def _manifest(self, digest: str) -> httpx.Response:
        body = self._read(digest)
        if body is None:
            return httpx.Response(404, json={"errors": [{"code": "MANIFEST_UNKNOWN"}]})
        kind = self.content_types.get(digest) or json.loads(body).get("mediaType", "application/octet-stream")
        return httpx.Response(200, content=body, headers={"content-type": kind, "docker-content-digest": digest})

    def _read(self, digest: str) -> bytes | None:
        file = self._images.directory / "blobs" / digest.replace(":", "/")
        return None if digest in self.absent or not file.is_file() else file.read_bytes()
