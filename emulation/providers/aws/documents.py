"""Policy documents as the API gives them back."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote


def as_given(document: Any, given: str | None) -> str:
    """The policy as text: in the words in which it was given where it says the same, so that layout is no drift."""
    found = json.loads(unquote(document)) if isinstance(document, str) else document
    if given is not None and json.loads(given) == found:
        return given
    return json.dumps(found)
