"""Renders the list of npm packages from metadata records. The edge answers `npm search` from this list.

Sources: npm/registry, docs/REGISTRY-API.md, "GET /-/v1/search"; npm, lib/utils/format-search-stream.js.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from registry.catalog.artifact import Document, Known
from registry.ecosystems.package_json import normalized
from registry.ecosystems.packument import dist_tags, published

# The database partition of search records. Each package has one search record, named `package#<name>`. The registry
# rewrites this record whenever it delivers a change of the package.
PARTITION = "npm-search"
KEY = "npm/-/search.json"
# Limits of a search record: the length of the description in characters, the number of keywords, and the length of each
# keyword. The records must be short, because the edge reads all of them for each search.
_DESCRIPTION_CHARACTERS = 200
_KEYWORDS = 20
_KEYWORD_CHARACTERS = 40
_LINKS = {"homepage": "homepage", "repository": "repository", "bugs": "bugs"}


def search_entry(name: str, known: Known) -> Mapping[str, Any] | None:
    """Returns what a search shows about an npm package: some fields of the version tagged `latest`.

    Returns None for a package without published versions.
    """
    version = dist_tags(known).get("latest")
    if version is None:
        return None
    manifest = normalized({**known.facts[f"version#{version}"]["manifest"], "name": name}, {})
    keywords: list[str] = manifest.get("keywords", [])
    entry = {
        "name": name,
        "version": version,
        "date": published(known, version),
        "description": manifest.get("description", "")[:_DESCRIPTION_CHARACTERS],
        "keywords": [keyword for keyword in keywords if len(keyword) <= _KEYWORD_CHARACTERS][:_KEYWORDS],
        "author": _person(manifest.get("author")),
        "maintainers": [person for each in manifest.get("maintainers", []) if (person := _person(each))],
        "links": {link: url for link, field in _LINKS.items() if (url := _url(manifest.get(field)))},
    }
    return {field: value for field, value in entry.items() if value}


def search_list(known: Known) -> Document:
    """Renders the object that lists the npm packages of this registry, sorted by name."""
    packages = [fact["entry"] for _, fact in sorted(known.of_kind("package").items())]
    return Document(KEY, "application/json", json.dumps({"packages": packages}).encode())


def _person(value: Any) -> dict[str, str]:
    """Returns a person in a package.json in the form of npm's search API, which has `username` in place of `name`."""
    person = cast(dict[str, Any], value) if isinstance(value, dict) else {}
    fields = {"username": person.get("name"), "email": person.get("email")}
    return {field: text for field, text in fields.items() if isinstance(text, str) and text}


def _url(value: Any) -> str:
    """Returns the URL in a field of a package.json. The field is either the URL, or an object with the URL in its field
    `url`.
    """
    url = cast(dict[str, Any], value).get("url") if isinstance(value, dict) else value
    return url if isinstance(url, str) else ""
