"""Reads packuments from npm's cache. If npm has just fetched a packument, the import does not need to fetch it again.

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
    """Returns a package's packument from npm's cache, or None if the cache has none. Prefers packuments with
    publication times. If there are several such packuments, returns the newest.

    `cache` is the cache's directory, and `registry` is the registry's URL.
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
    """Returns the cached JSON value of `entry`, which is a line of npm's cache index. Returns None if the entry has
    another key than `key`, or if the value cannot be read.
    """
    try:
        said = json.loads(entry)
        algorithm, _, encoded = str(said["integrity"]).split()[0].partition("-")
        content = base64.b64decode(encoded).hex()
        if said["key"] != key:
            return None
        return json.loads((root / "content-v2" / algorithm / content[:2] / content[2:4] / content[4:]).read_bytes())
    except (OSError, ValueError, LookupError, TypeError):
        return None
