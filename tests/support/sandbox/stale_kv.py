"""Lets tests hold the reads of Workers KV stale in the PoPs of a sandbox (emulation/cloudflare/kv_reads.py)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from emulation.cloudflare.kv_reads import PATH
from emulation.layout import CLOUDFLARE_PORT, Sandbox

# The time for which PoPs keep values of Workers KV that they have read. It is longer than any test.
_STALE_SECONDS = 3600


@contextmanager
def stale_kv(sandbox: Sandbox) -> Generator[None]:
    """Hides changes of Workers KV entries from PoPs during the `with` block, if a PoP has read the entry."""
    _hold(sandbox, _STALE_SECONDS)
    try:
        yield
    finally:
        _hold(sandbox, 0)


def _hold(sandbox: Sandbox, seconds: float) -> None:
    control = f"http://{sandbox.cloudflare_address}:{CLOUDFLARE_PORT}{PATH}"
    httpx.put(control, json={"stale_seconds": seconds}, trust_env=False).raise_for_status()
