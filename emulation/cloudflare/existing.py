"""Looking up what a request names."""

from __future__ import annotations

from emulation.cloudflare.envelope import ApiError, Json
from emulation.store import Store


def existing_zone(store: Store, zone: str) -> Json:
    known = store.get("zone", "", zone)
    if known is None:
        raise ApiError(404, 1001, f"Invalid zone identifier: {zone}")
    return known
