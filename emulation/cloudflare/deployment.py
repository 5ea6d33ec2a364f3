"""Defines what the PoPs of the emulated Cloudflare run, such as worker scripts, and the operations with which the
emulated Cloudflare API controls the PoPs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from emulation.cloudflare import custom_hostnames, rulesets
from emulation.cloudflare.existing import existing
from emulation.cloudflare.zone_settings import values_of
from emulation.state_store import StateStore


class EdgeError(Exception):
    """Raised when the emulated edge network cannot run a script or a deployment, or cannot purge a response. The
    emulated Cloudflare API returns the error's message to its client.
    """


@dataclass(frozen=True)
class Module:
    """One module of a worker script. `kind` is the module's type in workerd's configuration (`esModule`, `wasm`, …)."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True)
class Script:
    """One version of a worker script as a client uploaded it: its modules (the main one first), its bindings and its
    compatibility settings.

    `id` is the id of the version. `percentage` is the percentage of the script's requests that the version answers.
    `cached` lists the entrypoints whose responses Workers Cache stores. `cache_version` is a part of each cache key:
    the id of the version, or `shared` if the versions of the script share the cache.
    """

    name: str
    id: str
    percentage: float
    # The share of this version's invocations that Workers Observability keeps, from 0 to 1.
    sampling: float
    modules: Sequence[Module]
    bindings: Sequence[Mapping[str, Any]]
    compatibility_date: str
    compatibility_flags: Sequence[str]
    cached: Sequence[str] = ()
    cache_version: str = "shared"


@dataclass(frozen=True)
class Certificate:
    """A client certificate that workers present to origins. `chain` is the certificate with its chain, and `key` is the
    private key, both in PEM format.
    """

    id: str
    chain: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Deployment:
    """The part of an emulated Cloudflare account's state that the PoPs need.

    `oldest_tls` is the oldest TLS version that clients may use, such as "1.2". `hostnames` lists the names in the PoPs'
    server certificates: the name of each active zone, a wildcard such as `*.example.com` for each active zone, and
    active custom hostnames. `certificates` maps the id of each client certificate to the certificate.
    `zones[zone][name]` says whether Cloudflare proxies a DNS name with an address or CNAME record in an active zone.
    `rules` has a pair for each active zone: the names that the zone serves, and the zone's rules by phase.
    """

    # The deployed versions of all worker scripts. The versions of a script are in the order in which the script's
    # current deployment lists them.
    scripts: Sequence[Script]
    # Worker routes as pairs of a URL pattern and a script's name. If the name is None, no script receives the requests
    # that match the pattern.
    routes: Sequence[tuple[str, str | None]]
    hostnames: Sequence[str]
    certificates: Mapping[str, Certificate]
    oldest_tls: str
    zones: Mapping[str, Mapping[str, bool]]
    rules: Sequence[tuple[Sequence[str], Mapping[str, Sequence[Mapping[str, Any]]]]] = ()

    @property
    def routed(self) -> list[Script]:
        """Returns the deployed versions of the scripts to which at least one worker route sends requests. Other scripts
        are stored and do not run.
        """
        wanted = {script for _, script in self.routes}
        return [script for script in self.scripts if script.name in wanted]


class Edge(Protocol):
    """The interface through which the emulated Cloudflare API uses the emulated edge network."""

    def check(self, script: Script) -> None:
        """Checks that a worker script starts. Raises EdgeError with workerd's error output if the script does not
        start.
        """
        ...

    def converge(self, deployment: Deployment) -> None:
        """Makes all PoPs run exactly the given deployment. PoPs that already run the deployment are not restarted."""
        ...


class NoPops:
    """An edge network without PoPs, for unit tests that use only the Cloudflare API. Its methods do nothing."""

    def check(self, script: Script) -> None:
        pass

    def converge(self, deployment: Deployment) -> None:
        pass


def deployment(store: StateStore) -> Deployment:
    """Returns the scripts, routes, certificates and rules that the PoPs must serve, from the stored state of the
    emulated Cloudflare account.

    All zones share one set of PoPs. If the zones have different settings, the PoPs use the most permissive setting.
    """
    active = [zone for zone in store.all("zone") if zone["status"] == "active"]
    settings = [values_of(store, zone["id"]) for zone in active]
    return Deployment(
        scripts=list(deployed(store)),
        routes=[(route["pattern"], route["script"]) for zone in active for route in store.all("route", zone["id"])],
        hostnames=[name for zone in active for name in _served(store, zone)],
        certificates={
            document["id"]: Certificate(document["id"], document["certificates"], document["private_key"])
            for document in store.all("certificate")
            if document["private_key"]
        },
        oldest_tls=min((each["min_tls_version"] for each in settings), default="1.2"),
        zones={zone["name"]: _names(store, zone["id"]) for zone in active},
        rules=[(_served(store, zone), rulesets.evaluated(store, zone["id"])) for zone in active],
    )


def _served(store: StateStore, zone: Mapping[str, Any]) -> list[str]:
    """Returns the names to which a zone's rules apply: the zone's own names and its custom hostnames (Cloudflare for
    SaaS, "WAF for SaaS").
    """
    return [zone["name"], f"*.{zone['name']}", *custom_hostnames.served(store, zone["id"])]


def _names(store: StateStore, zone: str) -> Mapping[str, bool]:
    """Returns the DNS names of a zone that have an address record or a CNAME record, and whether Cloudflare proxies
    each name.
    """
    records = [record for record in store.all("record", zone) if record["type"] in ("A", "AAAA", "CNAME")]
    return {record["name"]: record["proxied"] for record in sorted(records, key=lambda record: record["name"])}


def versions_of(account: str, name: str) -> str:
    """Returns the key under which the state store contains the versions and deployments of a worker script. The store
    calls this key the scope.
    """
    return f"{account}/{name}"


def deployed(store: StateStore) -> Iterator[Script]:
    """Yields the deployed versions of all worker scripts. The versions of a script are in the order in which the
    script's current deployment lists them.
    """
    for document in store.all("script"):
        for part in document["deployed"]:
            versions = versions_of(document["account"], document["id"])
            version = existing(store, "version", versions, part["version_id"], 10007, "a deployed version is missing")
            yield script(version, part["percentage"])


def script(document: Mapping[str, Any], percentage: float = 100) -> Script:
    """Converts the stored JSON document of one version of a worker script to a `Script`, which the PoPs run."""
    caching: Mapping[str, Any] = document["cache_options"] or {}
    logs: Mapping[str, Any] = document["observability"] or {}
    exports: Mapping[str, Mapping[str, Any]] = document["exports"] or {}
    return Script(
        name=document["id"],
        id=document["version"],
        percentage=percentage,
        sampling=logs.get("head_sampling_rate") or 1 if logs.get("enabled") else 0,
        modules=[
            Module(module["name"], module["kind"], bytes.fromhex(module["content"])) for module in document["modules"]
        ],
        bindings=document["bindings"],
        compatibility_date=document["compatibility_date"],
        compatibility_flags=document["compatibility_flags"],
        cached=[name for name, export in exports.items() if _is_cached(export, caching)],
        cache_version="shared" if caching.get("cross_version_cache") else document["version"],
    )


def _is_cached(export: Mapping[str, Any], caching: Mapping[str, Any]) -> bool:
    """Returns whether Workers Cache stores the responses of an entrypoint.

    The entrypoint's own cache setting decides. If the entrypoint has none, the cache setting of the whole script
    decides.
    """
    own: Mapping[str, Any] = export.get("cache") or caching
    return own.get("enabled") is True
