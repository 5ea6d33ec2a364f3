"""What the edge network runs, as the API hands it over, and what the API asks of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from emulation.cloudflare.zone_settings import values_of
from emulation.state_store import StateStore


class EdgeError(Exception):
    """The edge network cannot do what was asked; the message is what the API's user reads."""


@dataclass(frozen=True)
class Module:
    """One module of a script; `kind` is the name workerd's configuration has for it (`esModule`, `wasm`, …)."""

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
    """A client certificate (with its chain) and its key, PEM."""

    id: str
    chain: str
    key: str = field(repr=False)


@dataclass(frozen=True)
class Deployment:
    """All that the PoPs need to know of the account.

    `trusted` are the zones' own origin authorities, PEM; origins are held to them (or to the public ones) if they are
    `verified`. `oldest_tls` is the oldest version that clients may speak, such as "1.2".
    """

    scripts: Sequence[Script]
    routes: Sequence[tuple[str, str | None]]  # (pattern, script); no script: the pattern keeps scripts off
    zones: Sequence[str]
    certificates: Mapping[str, Certificate]
    trusted: Sequence[str]
    verified: bool
    oldest_tls: str

    @property
    def routed(self) -> list[Script]:
        """The scripts that some route leads to: the others are stored, and run nowhere."""
        wanted = {script for _, script in self.routes}
        return [script for script in self.scripts if script.name in wanted]


class Edge(Protocol):
    """The network of PoPs."""

    def check(self, script: Script) -> None:
        """Raises EdgeError with the runtime's own words when the script would not start."""
        ...

    def converge(self, deployment: Deployment) -> None:
        """Makes all PoPs run just this; does nothing where they do already."""
        ...

    def purge(self, paths: Sequence[str]) -> None:
        """Takes the objects of these request paths (with query) out of every PoP's cache."""
        ...

    def purge_everything(self) -> None: ...


class NoPops:
    """An account whose network has no PoPs: the API alone, in process, as unit tests use it."""

    def check(self, script: Script) -> None:
        pass

    def converge(self, deployment: Deployment) -> None:
        pass

    def purge(self, paths: Sequence[str]) -> None:
        pass

    def purge_everything(self) -> None:
        pass


def deployment(store: StateStore) -> Deployment:
    """What the account's state asks of the network. All zones share it: the laxest of them decides."""
    settings = [values_of(store, zone["id"]) for zone in store.all("zone")]
    return Deployment(
        scripts=[script(document) for document in store.all("script")],
        routes=[(route["pattern"], route["script"]) for route in store.all("route")],
        zones=[zone["name"] for zone in store.all("zone")],
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
    """A stored script, as the network takes it."""
    return Script(
        name=document["id"],
        modules=[
            Module(module["name"], module["kind"], bytes.fromhex(module["content"])) for module in document["modules"]
        ],
        bindings=document["bindings"],
        compatibility_date=document["compatibility_date"],
        compatibility_flags=document["compatibility_flags"],
    )
