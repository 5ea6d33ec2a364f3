"""The interface between the API and the edge network: the deployment that the PoPs run, and the network's
operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from emulation.cloudflare import custom_hostnames
from emulation.cloudflare.zone_settings import values_of
from emulation.state_store import StateStore


class EdgeError(Exception):
    """The edge network cannot do what was requested; the API returns the message to its user."""


@dataclass(frozen=True)
class Module:
    """One module of a script; `kind` is the name of its type in workerd's configuration (`esModule`, `wasm`, …)."""

    name: str
    kind: str
    content: bytes


@dataclass(frozen=True)
class Script:
    """A worker script as it was uploaded: modules (the main one first), bindings, compatibility."""

    name: str
    modules: Sequence[Module]
    bindings: Sequence[Mapping[str, Any]]
    compatibility_date: str
    compatibility_flags: Sequence[str]


@dataclass(frozen=True)
class Certificate:
    """A client certificate with its chain, and its private key, all as PEM."""

    id: str
    chain: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Deployment:
    """The part of the account's state that the PoPs need.

    `trusted` contains the zones' origin authorities as PEM. If `verified`, origins need a certificate from these
    authorities, or from public ones when `trusted` is empty. `oldest_tls` is the oldest TLS version for clients, such
    as "1.2". `hostnames` have a certificate: those of active zones, with one level below each as in universal
    certificates, and active custom hostnames.
    """

    scripts: Sequence[Script]
    routes: Sequence[tuple[str, str | None]]  # (pattern, script); without a script, no script runs for the pattern
    hostnames: Sequence[str]
    certificates: Mapping[str, Certificate]
    trusted: Sequence[str]
    verified: bool
    oldest_tls: str

    @property
    def routed(self) -> list[Script]:
        """Returns the scripts that at least one route names. Other scripts are stored and do not run."""
        wanted = {script for _, script in self.routes}
        return [script for script in self.scripts if script.name in wanted]


class Edge(Protocol):
    """The operations of the network of PoPs."""

    def check(self, script: Script) -> None:
        """Raises EdgeError with the runtime's error output when the script does not start."""
        ...

    def converge(self, deployment: Deployment) -> None:
        """Makes all PoPs run exactly this deployment. A PoP that runs it already stays unchanged."""
        ...

    def purge(self, paths: Sequence[str]) -> None:
        """Removes the objects of these request paths (with query) from every PoP's cache."""
        ...

    def purge_everything(self) -> None: ...


class NoPops:
    """An edge network without PoPs, for unit tests that use only the API in their own process."""

    def check(self, script: Script) -> None:
        pass

    def converge(self, deployment: Deployment) -> None:
        pass

    def purge(self, paths: Sequence[str]) -> None:
        pass

    def purge_everything(self) -> None:
        pass


def deployment(store: StateStore) -> Deployment:
    """Returns the deployment that the account's state describes.

    All zones share one network, so the laxest setting wins.
    """
    active = [zone for zone in store.all("zone") if zone["status"] == "active"]
    settings = [values_of(store, zone["id"]) for zone in active]
    return Deployment(
        scripts=[script(document) for document in store.all("script")],
        routes=[(route["pattern"], route["script"]) for zone in active for route in store.all("route", zone["id"])],
        hostnames=[
            *(name for zone in active for name in (zone["name"], f"*.{zone['name']}")),
            *custom_hostnames.served(store),
        ],
        certificates={
            document["id"]: Certificate(document["id"], document["certificates"], document["private_key"])
            for document in store.all("certificate")
            if document["private_key"]
        },
        trusted=[document["certificate"] for document in store.all("trust")],
        verified=all(each["ssl"] == "strict" for each in settings),
        oldest_tls=min((each["min_tls_version"] for each in settings), default="1.2"),
    )


def script(document: Mapping[str, Any]) -> Script:
    """Converts a stored script document into a `Script` for the edge network."""
    return Script(
        name=document["id"],
        modules=[
            Module(module["name"], module["kind"], bytes.fromhex(module["content"])) for module in document["modules"]
        ],
        bindings=document["bindings"],
        compatibility_date=document["compatibility_date"],
        compatibility_flags=document["compatibility_flags"],
    )
