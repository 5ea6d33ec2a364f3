"""Makes the PoPs of a sandbox (a set of emulated clouds) read outdated values from Workers KV in tests
(emulation/cloudflare/kv_reads.py).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import httpx

from emulation.cloudflare.kv_reads import PATH
from emulation.layout import CLOUDFLARE_PORT, Sandbox

# A PoP keeps a Workers KV value for this number of seconds after it has read the value. The time is longer than any
# test.
_STALE_SECONDS = 3600


@contextmanager
def stale_kv(sandbox: Sandbox) -> Generator[None]:
    """Makes PoPs see outdated Workers KV values during the `with` block. Each PoP keeps the first value that it reads,
    and sees no later change.
    """
    _hold(sandbox, _STALE_SECONDS)
    try:
        yield
    finally:
        _hold(sandbox, 0)


def _hold(sandbox: Sandbox, seconds: float) -> None:
    control = f"http://{sandbox.cloudflare_address}:{CLOUDFLARE_PORT}{PATH}"
    httpx.put(control, json={"stale_seconds": seconds}, trust_env=False, timeout=60).raise_for_status()
