"""Compares policy documents from the API with those in the program."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote


def in_given_form(document: Any, given: str | None) -> str:
    """Returns the policy as text. If it equals `given` apart from layout, the result is `given`, so that layout is not
    drift."""
    found = json.loads(unquote(document)) if isinstance(document, str) else document
    if given is not None and json.loads(given) == found:
        return given
    return json.dumps(found)
