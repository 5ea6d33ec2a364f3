"""Helpers for tests of the origin in a sandbox of emulated clouds. Tests can store objects, count requests to the
origin, and make the origin fail.
"""

from __future__ import annotations

import os
from typing import Any

import httpx

from tests.support.sandbox.up import Up


def store(up: Up, key: str, size: int) -> bytes:
    """Writes a random immutable object into the primary bucket, and returns the object's content. No cache contains the
    object.
    """
    body = os.urandom(size)
    bucket = up.outputs()["buckets"][0]["name"]
    up.aws("s3").put_object(Bucket=bucket, Key=key, Body=body, CacheControl="public, max-age=31536000, immutable")
    return body


# If the first shield (a regional cache) takes longer than a second, for example on a busy machine, the edge also asks a
# second and a third shield (docs/decisions/hedged-requests.md). Each of these shields then sends one request to the
# origin.
MOST_REQUESTS_FOR_A_MISS = 3


def origin_requests(up: Up, key: str) -> int:
    """Returns how many GET requests for the object at `key` have reached the origin. Counts the origin buckets of all
    regions.
    """
    seen: dict[str, dict[str, int]] = control(up, "requests")
    return sum(methods.get("GET", 0) for name, methods in seen.items() if name.split("/", 1)[1] == key)


def control(up: Up, of: str, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    url = f"{up.sandbox.aws_url}/_artifact-edge/{of}"
    answer = httpx.get(url, timeout=60) if wanted is None else httpx.put(url, json=wanted, timeout=60)
    return answer.raise_for_status().json()
