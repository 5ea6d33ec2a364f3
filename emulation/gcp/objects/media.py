"""Builds the HTTP responses with the content of Cloud Storage objects, for both the JSON API and the XML API."""

from __future__ import annotations

from pathlib import Path

from flask import Response, send_file

from emulation.gcp.catalog import Json
from emulation.gcp.objects.conditions import seconds


def media(path: Path, document: Json) -> Response:
    """Returns an HTTP response with the content of a Cloud Storage object, or with the requested range of its bytes."""
    response = send_file(
        path,
        mimetype=document["contentType"],
        conditional=True,
        etag=document["etag"],
        last_modified=seconds(document["updated"]),
    )
    response.headers["Content-Type"] = document["contentType"]
    response.headers["Cache-Control"] = document.get("cacheControl", "private, max-age=0, must-revalidate")
    response.headers["X-Goog-Generation"] = document["generation"]
    response.headers["X-Goog-Metageneration"] = document["metageneration"]
    response.headers["X-Goog-Hash"] = f"crc32c={document['crc32c']},md5={document['md5Hash']}"
    response.headers["X-Goog-Stored-Content-Length"] = document["size"]
    response.headers["X-Goog-Storage-Class"] = document["storageClass"]
    return response
