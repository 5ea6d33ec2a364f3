"""Runs the emulated Cloudflare API in the caller's process, without a listener and without PoPs, for fast tests with
the official SDK."""

from __future__ import annotations

from pathlib import Path

import httpx
from cloudflare import Cloudflare
from flask import Flask

from emulation.cloudflare.api import PREFIX, create_app
from emulation.cloudflare.custom_hostnames import Resolver, no_dns
from emulation.cloudflare.observability import Invocations
from emulation.state_store import StateStore


def client(
    directory: Path,
    *,
    token: str = "any",  # noqa: S107  any token is let in
    resolve: Resolver = no_dns,
    invocations: Invocations | None = None,
) -> Cloudflare:
    """Returns a client of Cloudflare's official SDK for a new emulated account, whose state is in `directory`.

    `resolve` looks names up in public DNS, to validate custom hostnames of the account. `invocations` holds the
    invocations of worker scripts that Workers Observability counts.
    """
    return client_of(
        create_app(StateStore(directory / "state.sqlite"), resolve=resolve, invocations=invocations), token=token
    )


def client_of(app: Flask, *, token: str = "any") -> Cloudflare:  # noqa: S107  any token is let in
    """Returns a client of Cloudflare's official SDK for the existing emulated account that `app` serves."""
    transport = httpx.WSGITransport(app=app)
    return Cloudflare(
        api_token=token,
        base_url=f"http://cloudflare.invalid{PREFIX}",
        http_client=httpx.Client(transport=transport),
        max_retries=0,
    )
