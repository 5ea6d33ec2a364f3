"""Finds the stored resource that a request to the Cloudflare API names. Raises ApiError for an unknown resource."""

from __future__ import annotations

from emulation.cloudflare.envelope import ApiError, Json
from emulation.state_store import StateStore


def existing_zone(store: StateStore, zone: str) -> Json:
    return existing(store, "zone", "", zone, 1001, f"Invalid zone identifier: {zone}")


def existing(store: StateStore, kind: str, scope: str, id: str, code: int, missing: str) -> Json:
    """Returns the stored resource of the type `kind` with this id. `scope` is the id of the account or zone that the
    resource belongs to.

    Raises ApiError with Cloudflare's error code `code` and the message `missing` if the store has no such resource.
    """
    known = store.get(kind, scope, id)
    if known is None:
        raise ApiError(404, code, missing)
    return known
