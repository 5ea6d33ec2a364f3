"""Probes the limits of Workers Cache: the maximum size of a stored response, and the maximum rate of purges.

The probe exhausts the account's limit for purges. Cloudflare therefore refuses all other purges of the account for some
minutes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from probes.fact import Fact, Probe
from probes.workers_cache import ENTRYPOINTS, SCRIPT
from probes.zone import Zone

_STORED_BYTES_MAX = 512 * 1024 * 1024
_PURGES_AT_ONCE, _TAGS_AT_ONCE = 25, 100
_PURGES_PER_MINUTE = 5
_RATE_LIMITED = 1134


def _cache_limits(zone: Zone) -> Iterator[Fact]:
    zone.deploy(SCRIPT.read_text(), ENTRYPOINTS, cross_version=True)
    zone.later(zone.api.workers.scripts.delete, zone.name, account_id=zone.account)
    zone.publish()
    for size, is_stored in ((1 << 20, True), (_STORED_BYTES_MAX + 1, False)):
        calls = [zone.read(f"/large?x-bytes={size}") for _ in range(2)]
        verdict = "stored" if is_stored else "not stored"
        observed = "one call" if calls[0] == calls[1] else "two calls"
        yield Fact(f"a response of {size:,} bytes is {verdict}", (calls[0] == calls[1]) == is_stored, observed)
    tags = "&".join(f"tag=t{number}" for number in range(_TAGS_AT_ONCE + 1))
    refused = zone.send(f"/purge?entrypoint=Cached&{tags}", "POST").json()
    yield Fact(f"a purge of {_TAGS_AT_ONCE + 1} tags is refused", not refused["success"], str(refused["errors"]))
    started, accepted = time.monotonic(), 0
    while (answer := zone.send("/purge?tag=any&entrypoint=Cached", "POST").json())["success"]:
        accepted += 1
        if accepted > 2 * _PURGES_AT_ONCE:
            break
    most = _PURGES_AT_ONCE + (time.monotonic() - started) / 60 * _PURGES_PER_MINUTE
    text = f"at most {_PURGES_AT_ONCE} purges are accepted at once, and {_PURGES_PER_MINUTE} more each minute"
    yield Fact(text, accepted <= most, f"{accepted} accepted")
    codes = [each["code"] for each in answer["errors"]]
    yield Fact(f"a purge beyond this limit has the code {_RATE_LIMITED}", codes == [_RATE_LIMITED], str(codes))


PROBES = (Probe("workers-cache-limits", 'Cloudflare, "Workers Cache": Limitations', _cache_limits),)
