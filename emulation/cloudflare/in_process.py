"""The emulated API in the caller's own process, without listener and PoPs, for fast tests with the real SDK."""

from __future__ import annotations

from pathlib import Path

import httpx
from cloudflare import Cloudflare

from emulation.cloudflare.api import PREFIX, create_app
from emulation.state_store import StateStore


def client(directory: Path, *, token: str = "any") -> Cloudflare:  # noqa: S107  any token is let in
    """Returns a client of the official SDK for a separate emulated account, whose state is in `directory`."""
    app = create_app(StateStore(directory / "state.sqlite"))
    transport = httpx.WSGITransport(app=app)
    return Cloudflare(
        api_token=token,
        base_url=f"http://cloudflare.invalid{PREFIX}",
        http_client=httpx.Client(transport=transport),
        max_retries=0,
    )
