"""Finds the stored zone that a request to the Cloudflare API names, or refuses the request."""

from __future__ import annotations

from emulation.cloudflare.envelope import ApiError, Json
from emulation.state_store import StateStore


def existing_zone(store: StateStore, zone: str) -> Json:
    known = store.get("zone", "", zone)
    if known is None:
        raise ApiError(404, 1001, f"Invalid zone identifier: {zone}")
    return known
