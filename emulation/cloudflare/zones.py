"""Serves the Cloudflare API for zones, their DNS records, worker routes and cache purges."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from emulation.cloudflare.envelope import ApiError, Json, body, new_id, now, page, success, take
from emulation.cloudflare.existing import existing, existing_zone
from emulation.state_store import StateStore

NAME_SERVERS = ["ada.ns.cloudflare.com", "rob.ns.cloudflare.com"]
RECORD_TYPES = ("A", "AAAA", "CNAME", "TXT")
RECORD_OPTIONS = ("comment", "content", "proxied", "settings", "tags", "ttl")
# The maximum number of URLs in one purge request (developers.cloudflare.com/cache/how-to/purge-cache, single files).
PURGED_AT_ONCE = 100
PARTIAL_SIGNUP_REFUSED = 1104
REGISTRAR_PATH = "/_artifact-edge/registrar"
# The pattern that a worker route must match: a host that may start with an asterisk, then an optional path that may end
# with an asterisk.
ROUTE_PATTERN = re.compile(r"(https?://)?(?P<host>\*|\*?[a-z0-9.-]+)(/[^*?#]*\*?)?", re.ASCII)


def blueprint(store: StateStore, converge: Callable[[], None]) -> Blueprint:
    """Returns the Cloudflare API endpoints for zones, below /zones."""
    zones = Blueprint("zones", __name__, url_prefix="/zones")
    _serve_zones(zones, store, converge)
    _serve_records(zones, store, converge)
    _serve_routes(zones, store, converge)

    @zones.post("/<zone>/purge_cache")
    def purge(zone: str) -> Response:
        existing_zone(store, zone)
        """Accepts a purge of the zone's cache, which is always empty.

        No purge of a zone affects Workers Cache (workers/cache/purge, "Purging the cache").
        """
        given = take(body(), optional=["files", "purge_everything"])
        if given.get("purge_everything") is not True:
            _check_urls(given.get("files"))
        return success({"id": zone})

    return zones


def registrar(store: StateStore, converge: Callable[[], None]) -> Blueprint:
    """Returns an endpoint that emulates a domain's registrar: PUT delegates a domain to Cloudflare's name servers.

    The real Cloudflare API has no such endpoint. The owner of a real domain delegates the domain once at their
    registrar.
    """
    registrars = Blueprint("registrar", __name__, url_prefix=REGISTRAR_PATH)

    @registrars.put("/<name>")
    def delegate(name: str) -> Response:
        for zone in store.all("zone"):
            if zone["name"] == name:
                active = {**zone, "status": "active", "activated_on": zone["activated_on"] or now()}
                store.put("zone", "", zone["id"], active)
                converge()
                return success(active)
        raise ApiError(404, 1001, f"no zone of the account has the name {name}")

    return registrars


def _serve_zones(zones: Blueprint, store: StateStore, converge: Callable[[], None]) -> None:
    @zones.get("")
    def list_zones() -> Response:
        name, account = request.args.get("name"), request.args.get("account.id")
        zones = [zone for zone in store.all("zone") if name in (None, zone["name"])]
        return page([zone for zone in zones if account in (None, zone["account"]["id"])])

    @zones.post("")
    def create_zone() -> Response:
        given = take(body(), required=["name"], optional=["account", "type"])
        account: Json = given.get("account") or {}
        if not account.get("id"):
            raise ApiError(400, 1116, "account.id is required: the account that the zone is to belong to")
        if any(zone["name"] == given["name"] for zone in store.all("zone")):
            raise ApiError(400, 1061, f"{given['name']} already exists.")
        zone = _new_zone(given["name"], given.get("type", "full"), account["id"])
        store.put("zone", "", zone["id"], zone)
        return success(zone)

    @zones.get("/<zone>")
    def get_zone(zone: str) -> Response:
        return success(existing_zone(store, zone))

    @zones.patch("/<zone>")
    def edit_zone(zone: str) -> Response:
        changes = take(body(), optional=["paused", "type", "vanity_name_servers"])
        known = {**existing_zone(store, zone), **changes, "modified_on": now()}
        store.put("zone", "", zone, known)
        return success(known)

    @zones.delete("/<zone>")
    def delete_zone(zone: str) -> Response:
        existing_zone(store, zone)
        store.remove_scope(zone)
        store.remove("zone", "", zone)
        converge()
        return success({"id": zone})


def _serve_records(zones: Blueprint, store: StateStore, converge: Callable[[], None]) -> None:
    @zones.get("/<zone>/dns_records")
    def list_records(zone: str) -> Response:
        existing_zone(store, zone)
        wanted = {name: request.args[name] for name in ("name", "type", "content") if name in request.args}
        return page([r for r in store.all("record", zone) if all(r[name] == value for name, value in wanted.items())])

    @zones.post("/<zone>/dns_records")
    def create_record(zone: str) -> Response:
        name = existing_zone(store, zone)["name"]
        given = take(body(), required=["name", "type"], optional=RECORD_OPTIONS)
        changed = _put_record(store, zone, name, {"id": new_id(), "created_on": now()}, given)
        converge()
        return success(changed)

    @zones.get("/<zone>/dns_records/<record>")
    def get_record(zone: str, record: str) -> Response:
        return success(_record(store, zone, record))

    @zones.put("/<zone>/dns_records/<record>")
    def replace_record(zone: str, record: str) -> Response:
        known, name = _record(store, zone, record), existing_zone(store, zone)["name"]
        given = take(body(), required=["name", "type"], optional=RECORD_OPTIONS)
        changed = _put_record(store, zone, name, {key: known[key] for key in ("id", "created_on")}, given)
        converge()
        return success(changed)

    @zones.patch("/<zone>/dns_records/<record>")
    def edit_record(zone: str, record: str) -> Response:
        known, name = _record(store, zone, record), existing_zone(store, zone)["name"]
        changed = _put_record(store, zone, name, known, take(body(), optional=["name", "type", *RECORD_OPTIONS]))
        converge()
        return success(changed)

    @zones.delete("/<zone>/dns_records/<record>")
    def delete_record(zone: str, record: str) -> Response:
        _record(store, zone, record)
        store.remove("record", zone, record)
        converge()
        return success({"id": record})


def _serve_routes(zones: Blueprint, store: StateStore, converge: Callable[[], None]) -> None:
    @zones.get("/<zone>/workers/routes")
    def list_routes(zone: str) -> Response:
        existing_zone(store, zone)
        return page(store.all("route", zone))

    @zones.post("/<zone>/workers/routes")
    def create_route(zone: str) -> Response:
        return success(_put_route(store, zone, new_id(), converge))

    @zones.get("/<zone>/workers/routes/<route>")
    def get_route(zone: str, route: str) -> Response:
        return success(_route(store, zone, route))

    @zones.put("/<zone>/workers/routes/<route>")
    def replace_route(zone: str, route: str) -> Response:
        _route(store, zone, route)
        return success(_put_route(store, zone, route, converge))

    @zones.delete("/<zone>/workers/routes/<route>")
    def delete_route(zone: str, route: str) -> Response:
        _route(store, zone, route)
        store.remove("route", zone, route)
        converge()
        return success({"id": route})


def _new_zone(name: str, kind: str, account: str) -> Json:
    if kind == "partial":
        # A partial zone needs the Business or Enterprise plan (Cloudflare DNS, "Partial (CNAME) setup"). Cloudflare
        # refuses a new partial zone, because a new zone has the Free plan. The error code of the refusal comes from
        # issue 1812 of cloudflare/terraform-provider-cloudflare.
        raise ApiError(400, PARTIAL_SIGNUP_REFUSED, "Partial zone signup not allowed")
    if kind != "full":
        raise ApiError(501, 10405, f"not emulated: a zone of type {kind} (only full)")
    created = now()
    return {
        # The id is a hash of the account's id and the zone's name. A zone therefore has the same id in every temporary
        # sandbox (emulated clouds for one preview or test). The Pulumi state of a release contains the id
        # (previews/release.py). If the id differed between sandboxes, the preview of an upgrade from a release would
        # show changes that the Pulumi program does not make.
        "id": hashlib.sha256(f"{account}/{name}".encode()).hexdigest()[:32],
        "account": {"id": account, "name": "emulated account"},
        "name": name,
        "type": kind,
        "paused": False,
        # A new zone is pending until the registrar delegates the domain to Cloudflare's name servers (Cloudflare DNS,
        # "Domain status").
        "status": "pending",
        "activated_on": None,
        "created_on": created,
        "modified_on": created,
        "development_mode": 0,
        "name_servers": NAME_SERVERS,
        "original_name_servers": [],
        "vanity_name_servers": [],
        "verification_key": None,
        "meta": {"phishing_detected": False},
        "owner": {"id": account, "name": "emulated account", "type": "organization"},
        "permissions": ["#zone:edit", "#zone:read"],
        "plan": {"id": "free", "name": "Free Website"},
    }


def _record(store: StateStore, zone: str, record: str) -> Json:
    return existing(store, "record", zone, record, 81044, f"Record does not exist: {record}")


def _put_record(store: StateStore, zone: str, zone_name: str, known: Json, given: Json) -> Json:
    record: Json = {"content": "", "proxied": False, "ttl": 1, "tags": [], "comment": None, **known, **given}
    record["modified_on"] = now()
    if record["name"] != zone_name and not record["name"].endswith(f".{zone_name}"):
        raise ApiError(400, 9018, f"record name {record['name']} is not in the zone {zone_name}")
    _refuse_bad_content(record["type"], record["content"])
    record["proxiable"] = record["type"] != "TXT"
    for other in store.all("record", zone):
        if other["id"] == record["id"] or other["name"] != record["name"]:
            continue
        if (other["type"], other["content"]) == (record["type"], record["content"]):
            raise ApiError(400, 81058, "An identical record already exists.")
        if "CNAME" in (other["type"], record["type"]):
            raise ApiError(400, 81053, f"An A, AAAA, or CNAME record with host {record['name']} already exists.")
    store.put("record", zone, record["id"], record)
    return record


def _refuse_bad_content(kind: str, content: str) -> None:
    if kind not in RECORD_TYPES:
        raise ApiError(501, 10405, f"not emulated: a DNS record of type {kind} (only {', '.join(RECORD_TYPES)})")
    try:
        if kind == "A":
            ipaddress.IPv4Address(content)
        elif kind == "AAAA":
            ipaddress.IPv6Address(content)
    except ValueError:
        raise ApiError(400, 9005, f"Content for {kind} record must be a valid IP address: {content!r}") from None
    if not content:
        raise ApiError(400, 9207, f"Content for {kind} record must not be empty.")


def _route(store: StateStore, zone: str, route: str) -> Json:
    return existing(store, "route", zone, route, 10020, f"workers route not found: {route}")


def _put_route(store: StateStore, zone: str, id: str, converge: Callable[[], None]) -> Json:
    name = existing_zone(store, zone)["name"]
    given = take(body(), required=["pattern"], optional=["script"])
    match = ROUTE_PATTERN.fullmatch(given["pattern"])
    if match is None:
        raise ApiError(400, 10022, f"invalid route pattern {given['pattern']!r}: * only before the host and at the end")
    host = match["host"].lstrip("*")
    # The pattern of a worker route may match hosts of the zone or all hosts. It may also name a custom hostname of the
    # zone (Cloudflare for SaaS, "Workers as your fallback origin").
    in_zone = not host or host == name or host.endswith(f".{name}")
    if not in_zone and not any(each["hostname"] == match["host"] for each in store.all("hostname", zone)):
        raise ApiError(400, 10022, f"route pattern {given['pattern']!r} is not in the zone {name}")
    if any(r["pattern"] == given["pattern"] and r["id"] != id for r in store.all("route", zone)):
        raise ApiError(409, 10020, f"a route with the same pattern already exists: {given['pattern']}")
    script = given.get("script")
    if script and not any(known["id"] == script for known in store.all("script")):
        raise ApiError(400, 10019, f"the script {script} of the route does not exist")
    route = {"id": id, "pattern": given["pattern"], "script": script}
    store.put("route", zone, id, route)
    converge()
    return route


def _check_urls(files: object) -> None:
    """Raises ApiError if `files` is not a list of valid URLs, or contains more URLs than Cloudflare allows in a purge
    request.
    """
    urls = cast(list[Any], files) if isinstance(files, list) else []
    if not 1 <= len(urls) <= PURGED_AT_ONCE:
        raise ApiError(400, 1012, f"files must be a list of 1 to {PURGED_AT_ONCE} URLs, or purge_everything true")
    for url in urls:
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ApiError(400, 1016, f"Unable to purge {url}: not a URL")
