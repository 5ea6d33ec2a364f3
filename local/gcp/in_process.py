"""The emulated API in the caller's own process: no listener. For unit tests."""

from __future__ import annotations

from pathlib import Path

import httpx

from local.gcp.api import create_app
from local.store import Store

ADDRESSES = "198.51.100.0/24"
"""Of a documentation prefix (RFC 5737)."""


def client(directory: Path) -> httpx.Client:
    """A client of a project of its own, whose state is kept in `directory`."""
    app = create_app(Store(directory / "gcp.sqlite"), ADDRESSES)
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://googleapis.invalid")
