"""Serves the Cloudflare API for the zone settings that control TLS between client, edge and origin. Requests for all
other zone settings are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response

from emulation.cloudflare.envelope import ApiError, Json, body, now, success, take
from emulation.cloudflare.existing import existing_zone
from emulation.state_store import StateStore


@dataclass(frozen=True)
class Setting:
    """One setting of a Cloudflare zone.

    Cloudflare accepts the values in `values`. The emulation supports the values in `emulated`. A new zone has the value
    `initial`.
    """

    values: tuple[str, ...]
    emulated: tuple[str, ...]
    initial: str


# The emulated zone settings by id (developers.cloudflare.com/api, "Zone settings"). A new zone of Cloudflare allows TLS
# 1.0, but the emulated PoPs refuse versions before 1.2, because workerd does not support them. The setting
# `always_use_https` has no effect, because the emulated PoPs listen with TLS only.
SETTINGS: Mapping[str, Setting] = {
    "ssl": Setting(("off", "flexible", "full", "strict"), ("full", "strict"), "full"),
    "min_tls_version": Setting(("1.0", "1.1", "1.2", "1.3"), ("1.2", "1.3"), "1.0"),
    "always_use_https": Setting(("off", "on"), ("off", "on"), "off"),
}


def blueprint(store: StateStore, converge: Callable[[], None]) -> Blueprint:
    """Returns the Cloudflare API endpoints for the settings of a zone, below /zones/<zone>/settings."""
    settings = Blueprint("zone_settings", __name__, url_prefix="/zones/<zone>/settings")

    @settings.get("/<id>")
    def get(zone: str, id: str) -> Response:
        existing_zone(store, zone)
        return success(_current(store, zone, id))

    @settings.patch("/<id>")
    def edit(zone: str, id: str) -> Response:
        existing_zone(store, zone)
        known = _known(id)
        value = take(body(), required=["value"])["value"]
        if value not in known.values:
            raise ApiError(400, 1007, f"Invalid value for zone setting {id}: {value!r}")
        if value not in known.emulated:
            raise ApiError(501, 10405, f"not emulated: zone setting {id} of {value!r}")
        document: Json = {"id": id, "value": value, "editable": True, "modified_on": now()}
        store.put("setting", zone, id, document)
        converge()
        return success(document)

    return settings


def values_of(store: StateStore, zone: str) -> dict[str, str]:
    """Returns a mapping from the id of each setting of a Cloudflare zone to the setting's current value."""
    return {id: _current(store, zone, id)["value"] for id in SETTINGS}


def _current(store: StateStore, zone: str, id: str) -> Json:
    initial: Json = {"id": id, "value": _known(id).initial, "editable": True, "modified_on": None}
    return store.get("setting", zone, id) or initial


def _known(id: str) -> Setting:
    if id not in SETTINGS:
        raise ApiError(501, 10405, f"not emulated: the zone setting {id} (only {', '.join(SETTINGS)})")
    return SETTINGS[id]
