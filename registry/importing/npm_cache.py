"""Finds packuments that npm has just fetched in npm's cache, so that they need no second request.

Source: cacache, "lib/entry-index.js" and "lib/content/path.js" (index-v5, content-v2); make-fetch-happen, "lib/cache".
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, cast

_KEY = "make-fetch-happen:request-cache:"


def cached_packument(cache: Path, registry: str, name: str) -> Any:
    """Returns the newest packument with times in the cache, else the newest one, or None if there is none.

    `cache` is npm's setting of that name, and `registry` the URL of the registry. Some registries have no times.
    """
    key = f"{_KEY}{registry.rstrip('/')}/{name.replace('/', '%2f')}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    root = cache / "_cacache"
    try:
        lines = (root / "index-v5" / digest[:2] / digest[2:4] / digest[4:]).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = [_content(root, key, line.partition("\t")[2]) for line in reversed(lines)]
    packuments = [cast(dict[str, Any], each) for each in found if isinstance(each, dict)]
    return next((each for each in packuments if "time" in each), packuments[0] if packuments else None)


def _content(root: Path, key: str, entry: str) -> Any:
    """Returns the cached JSON of a line in the index, or None if the line is of another key or has no content."""
    try:
        said = json.loads(entry)
        algorithm, _, encoded = str(said["integrity"]).split()[0].partition("-")
        content = base64.b64decode(encoded).hex()
        if said["key"] != key:
            return None
        return json.loads((root / "content-v2" / algorithm / content[:2] / content[2:4] / content[4:]).read_bytes())
    except (OSError, ValueError, LookupError, TypeError):
        return None
