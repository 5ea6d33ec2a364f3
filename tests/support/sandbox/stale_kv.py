"""Lets tests hold the reads of Workers KV stale in the PoPs of a sandbox (emulation/cloudflare/kv_reads.py)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from emulation.cloudflare.kv_reads import PATH
from emulation.layout import CLOUDFLARE_PORT, Sandbox

# For so many seconds, PoPs use the values that they have read. Tests end earlier, so that no PoP reads a change.
_STALE_SECONDS = 3600


@contextmanager
def stale_kv(sandbox: Sandbox) -> Generator[None]:
    """Lets no PoP see changes of entries that it reads while the context lasts."""
    _hold(sandbox, _STALE_SECONDS)
    try:
        yield
    finally:
        _hold(sandbox, 0)


def _hold(sandbox: Sandbox, seconds: float) -> None:
    control = f"http://{sandbox.cloudflare_address}:{CLOUDFLARE_PORT}{PATH}"
    httpx.put(control, json={"stale_seconds": seconds}, trust_env=False).raise_for_status()
