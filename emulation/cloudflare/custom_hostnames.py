"""Serves the Cloudflare API for custom hostnames of a zone (Cloudflare for SaaS). A custom hostname belongs to another
domain, and the zone serves it.

A hostname is pending until public DNS proves who controls the hostname. The hostname's certificate is pending until the
domain's owner has delegated the validation of the certificate (Cloudflare for SaaS, "Hostname validation" and
"Delegated domain control validation (DCV)"). Cloudflare repeats its look-ups for minutes; the emulation queries DNS
each time a hostname is read. The API describes the TXT record that proves control only while the hostname is pending
(cloudflare/terraform-provider-cloudflare, issues 1197 and 1466).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request

from emulation.cloudflare.envelope import ApiError, Json, body, new_id, now, page, success, take
from emulation.cloudflare.existing import existing, existing_zone
from emulation.state_store import StateStore

# A function that looks up a DNS name and a record type ("CNAME" or "TXT") in public DNS, and returns the values of the
# records.
Resolver = Callable[[str, str], Sequence[str]]

# The number of custom hostnames that a zone can have without an Enterprise contract (Cloudflare for SaaS, "Plans").
MOST_HOSTNAMES = 100
_NOT_FOUND = 1436
_DUPLICATE = 1406
_QUOTA_EXCEEDED = 1405
_INVALID = 1407
_SSL = ("method", "settings", "type", "wildcard")


def no_dns(name: str, type: str) -> Sequence[str]:
    """Returns an empty list for every DNS name. Tests that need no DNS use this function as the resolver of the
    emulated Cloudflare.
    """
    return []


def blueprint(store: StateStore, resolve: Resolver, converge: Callable[[], None]) -> Blueprint:
    """Returns the Cloudflare API endpoints below /zones/<zone>/custom_hostnames and /zones/<zone>/dcv_delegation."""
    hostnames = Blueprint("custom_hostnames", __name__, url_prefix="/zones/<zone>")
    _serve_fallback_origin(hostnames, store)

    @hostnames.get("/dcv_delegation/uuid")
    def delegation(zone: str) -> Response:
        existing_zone(store, zone)
        return success({"uuid": _delegation(zone)})

    @hostnames.get("/custom_hostnames")
    def list_hostnames(zone: str) -> Response:
        existing_zone(store, zone)
        wanted = request.args.get("hostname")
        known = [each for each in store.all("hostname", zone) if wanted in (None, each["hostname"])]
        return page([_looked_up(store, zone, each, resolve, converge) for each in known])

    @hostnames.post("/custom_hostnames")
    def create(zone: str) -> Response:
        given = take(body(), required=["hostname", "ssl"])
        _refuse(store, zone, given["hostname"])
        hostname: Json = {
            "id": new_id(),
            "hostname": given["hostname"],
            "ssl": _certificate(given["ssl"]),
            "status": "pending",
            "verification_errors": ["custom hostname does not CNAME to this zone."],
            "ownership_verification": {
                "type": "txt",
                "name": f"_cf-custom-hostname.{given['hostname']}",
                "value": new_id(),
            },
            "created_at": now(),
        }
        store.put("hostname", zone, hostname["id"], hostname)
        return success(_looked_up(store, zone, hostname, resolve, converge))

    @hostnames.get("/custom_hostnames/<id>")
    def get(zone: str, id: str) -> Response:
        return success(_looked_up(store, zone, _known(store, zone, id), resolve, converge))

    @hostnames.patch("/custom_hostnames/<id>")
    def edit(zone: str, id: str) -> Response:
        known, given = _known(store, zone, id), take(body(), optional=["ssl"])
        changed = {**known, "ssl": _certificate(given["ssl"])} if "ssl" in given else known
        store.put("hostname", zone, id, changed)
        return success(_looked_up(store, zone, changed, resolve, converge))

    @hostnames.delete("/custom_hostnames/<id>")
    def delete(zone: str, id: str) -> Response:
        _known(store, zone, id)
        store.remove("hostname", zone, id)
        converge()
        return success({"id": id})

    return hostnames


def served(store: StateStore, zone: str) -> list[str]:
    """Returns a zone's active custom hostnames with an active certificate. The PoPs answer for these hostnames."""
    return [
        each["hostname"]
        for each in store.all("hostname", zone)
        if each["status"] == "active" and each["ssl"]["status"] == "active"
    ]


def _serve_fallback_origin(hostnames: Blueprint, store: StateStore) -> None:
    """Adds the API endpoints for the fallback origin, the host that receives the requests for custom hostnames. Each
    zone has one fallback origin (Cloudflare for SaaS, "Get started").
    """
    path = "/custom_hostnames/fallback_origin"

    @hostnames.get(path)
    def get_fallback_origin(zone: str) -> Response:
        missing = "resource not found: the zone has no fallback origin"
        return success(existing(store, "fallback_origin", zone, "", 1551, missing))

    @hostnames.put(path)
    def put_fallback_origin(zone: str) -> Response:
        existing_zone(store, zone)
        origin = take(body(), required=["origin"])["origin"]
        if not any(record["name"] == origin and record["proxied"] for record in store.all("record", zone)):
            raise ApiError(400, 1414, f"fallback origin {origin} must be a proxied DNS record of the zone")
        known: Json = {"origin": origin, "status": "active", "errors": [], "created_at": now(), "updated_at": now()}
        store.put("fallback_origin", zone, "", known)
        return success(known)

    @hostnames.delete(path)
    def delete_fallback_origin(zone: str) -> Response:
        existing_zone(store, zone)
        store.remove("fallback_origin", zone, "")
        return success({"origin": "", "status": "pending_deletion"})


def _refuse(store: StateStore, zone: str, hostname: str) -> None:
    """Raises ApiError when a zone cannot have the custom hostname. There are three possible reasons: the hostname
    belongs to the zone itself, the zone already has this custom hostname, or the zone has reached the maximum number of
    custom hostnames in its plan.
    """
    name = existing_zone(store, zone)["name"]
    if f".{hostname}".endswith(f".{name}"):
        # A custom hostname cannot be the name of its own zone (Cloudflare for SaaS, "Workers as your fallback origin").
        raise ApiError(400, _INVALID, f"custom hostname {hostname} belongs to the zone {name} itself")
    known = store.all("hostname", zone)
    if any(each["hostname"] == hostname for each in known):
        raise ApiError(409, _DUPLICATE, f"Duplicate custom hostname found: {hostname}")
    if len(known) >= MOST_HOSTNAMES:
        raise ApiError(400, _QUOTA_EXCEEDED, f"the zone has {MOST_HOSTNAMES} custom hostnames, as many as its plan has")


def _certificate(given: Json) -> Json:
    """Returns a new certificate order for a custom hostname. The emulation supports only delegated validation, which
    requires the method `txt` and the type `dv`.
    """
    asked = take(given, required=["method", "type"], optional=_SSL)
    if (asked["method"], asked["type"]) != ("txt", "dv"):
        raise ApiError(
            501, 10405, f"not emulated: a certificate with {asked['method']}, {asked['type']} (only txt, dv)"
        )
    return {"id": new_id(), "status": "pending_validation", "wildcard": False, "settings": {}, **asked}


def _looked_up(store: StateStore, zone: str, hostname: Json, resolve: Resolver, converge: Callable[[], None]) -> Json:
    """Looks up the DNS records that a pending custom hostname still needs, and returns what the API shows of the
    hostname with its new state. If the state has changed, the PoPs start or stop serving the hostname.
    """
    ssl = hostname["ssl"]
    status = "active" if hostname["status"] == "active" or _owned(store, zone, hostname, resolve) else "pending"
    issued = "active" if ssl["status"] == "active" or _delegated(zone, hostname, resolve) else "pending_validation"
    errors: list[str] = [] if status == "active" else hostname["verification_errors"]
    current: Json = {**hostname, "status": status, "verification_errors": errors, "ssl": {**ssl, "status": issued}}
    if current != hostname:
        store.put("hostname", zone, hostname["id"], current)
        converge()
    return {name: value for name, value in current.items() if status == "pending" or name != "ownership_verification"}


def _owned(store: StateStore, zone: str, hostname: Json, resolve: Resolver) -> bool:
    """Returns whether public DNS proves control of a custom hostname. The proof is the hostname's TXT record for
    verification, or a CNAME record that points to the zone's fallback origin.
    """
    proof, origin = hostname["ownership_verification"], store.get("fallback_origin", zone, "")
    if proof["value"] in resolve(proof["name"], "TXT"):
        return True
    return origin is not None and origin["origin"] in resolve(hostname["hostname"], "CNAME")


def _delegated(zone: str, hostname: Json, resolve: Resolver) -> bool:
    """Returns whether public DNS delegates the validation of a custom hostname's certificate to Cloudflare."""
    name = hostname["hostname"]
    return f"{name}.{_delegation(zone)}.dcv.cloudflare.com" in resolve(f"_acme-challenge.{name}", "CNAME")


def _known(store: StateStore, zone: str, id: str) -> Json:
    existing_zone(store, zone)
    return existing(store, "hostname", zone, id, _NOT_FOUND, f"custom hostname not found: {id}")


def _delegation(zone: str) -> str:
    """Returns the DNS label that Cloudflare assigns to a zone. To validate the certificates of the zone's custom
    hostnames, Cloudflare looks up the name `<label>.dcv.cloudflare.com`.
    """
    return zone[:16]
