"""Lets tests make a sandbox's PoPs read outdated values from Workers KV (emulation/cloudflare/kv_reads.py)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from emulation.cloudflare.kv_reads import PATH
from emulation.layout import CLOUDFLARE_PORT, Sandbox

# For this number of seconds, a PoP keeps a Workers KV value after it has read the value. No test takes as long.
_STALE_SECONDS = 3600


@contextmanager
def stale_kv(sandbox: Sandbox) -> Generator[None]:
    """During the `with` block, each PoP keeps the Workers KV value that it read first, and sees no later change."""
    _hold(sandbox, _STALE_SECONDS)
    try:
        yield
    finally:
        _hold(sandbox, 0)


def _hold(sandbox: Sandbox, seconds: float) -> None:
    control = f"http://{sandbox.cloudflare_address}:{CLOUDFLARE_PORT}{PATH}"
    httpx.put(control, json={"stale_seconds": seconds}, trust_env=False, timeout=60).raise_for_status()
