"""Follows a change to the readers: when each origin bucket, shield and edge shows it.

Each document carries a stamp, the revision of its package and when that was committed; S3 keeps it as metadata, and the
edge passes it on as `X-Artifact-Edge-Revision` and `-Published` (docs/publish-to-visible.md).
"""

from __future__ import annotations

import json
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from contract.secrets import secret_id
from contract.shields import EDGE_PORT
from registry import RegistryError
from registry.catalog.facts import Facts
from registry.clock import now, seconds_of
from registry.delivery.purge import object_path
from registry.ecosystems.packages import Reference
from registry.origin import ObjectStore, StoreError
from registry.target import Shield, Target

_PAUSE = 0.25  # seconds between two looks
_INSTALL = "application/vnd.npm.install-v1+json"
_SIMPLE = "application/vnd.pypi.simple.v1+json"

Place = tuple[str, str]
"""Tier and name, such as `("edge", "eu-west")`."""


@dataclass(frozen=True)
class Document:
    """The same document, as each tier names it."""

    key: str
    path: str
    accept: str


@dataclass(frozen=True)
class Seen:
    """Seconds from the commit until a place showed it; None where it did not in time, and `error` may say why.

    `reached` is False of a shield that lets nobody in from here: only the edge may ask it.
    """

    place: Place
    seconds: float | None
    error: str = ""
    reached: bool = True


class Follower:
    """Of one package. `token` is a client's; `vias` are proxies by name, each a place to look at the edge from."""

    def __init__(self, target: Target, reference: Reference, *, token: str, vias: Mapping[str, str]) -> None:
        snapshot = Facts(target.repository).read(reference.package.partition)
        if not snapshot.revision:
            raise RegistryError(f"{reference}: no such package; publish it first")
        self.revision, self.published = snapshot.revision, snapshot.published
        self._target = target
        self._documents = _documents(reference)
        self._token = token
        self._vias = vias

    def follow(self, timeout: float) -> list[Seen]:
        """Looks at all places at once, until each shows the revision or a later one."""
        with ExitStack() as open_clients:
            looks = self._looks(open_clients)
            with ThreadPoolExecutor(len(looks)) as pool:
                waits = [pool.submit(self._wait, place, looks[place], timeout) for place in sorted(looks)]
                return [wait.result() for wait in waits]

    def age(self) -> float:
        """Seconds since the commit."""
        return seconds_of(now()) - seconds_of(self.published)

    def _wait(self, place: Place, look: Callable[[Document], int], timeout: float) -> Seen:
        deadline, error = time.monotonic() + timeout, ""
        while time.monotonic() < deadline:
            try:
                if all(look(document) >= self.revision for document in self._documents):
                    return Seen(place, self.age())
            except (httpx.HTTPError, ClientError, BotoCoreError, StoreError) as failed:
                error = str(failed)
                if place[0] == "shield" and isinstance(failed, (httpx.ConnectError, httpx.ConnectTimeout)):
                    return Seen(place, None, error, reached=False)
            time.sleep(_PAUSE)
        return Seen(place, None, error)

    def _looks(self, open_clients: ExitStack) -> dict[Place, Callable[[Document], int]]:
        """How to read the revision of a document that each place has; 0 where it has none."""
        looks: dict[Place, Callable[[Document], int]] = {}
        for bucket in self._target.buckets:
            looks["origin", bucket.region] = _bucket_look(bucket.open())
        if any(shield.address for shield in self._target.shields):
            trust, key = _shield_access(self._target)
            client = open_clients.enter_context(httpx.Client(verify=trust, timeout=10, trust_env=False))
            for shield in self._target.shields:
                looks["shield", shield.host.partition(".")[0]] = _shield_look(client, shield, key)
        if self._token:
            for name, proxy in (self._vias or {"here": ""}).items():
                client = open_clients.enter_context(httpx.Client(proxy=proxy or None, timeout=10))
                looks["edge", name] = _edge_look(client, self._target.url, self._token)
        return looks


def _bucket_look(store: ObjectStore) -> Callable[[Document], int]:
    def look(document: Document) -> int:
        held = store.find(document.key)
        return int(held.metadata.get("revision", 0)) if held else 0

    return look


def _shield_look(client: httpx.Client, shield: Shield, key: str) -> Callable[[Document], int]:
    """As the edge asks it, though by its address: names of shields need not resolve where operators are."""

    def look(document: Document) -> int:
        answer = client.get(
            f"https://{shield.address}:{EDGE_PORT}/objects/{object_path(document.key)}",
            headers={"Host": f"{shield.host}:{EDGE_PORT}", "X-Artifact-Edge-Key": key},
            extensions={"sni_hostname": shield.host},
        )
        return int(answer.headers.get("x-amz-meta-revision", 0))

    return look


def _edge_look(client: httpx.Client, url: str, token: str) -> Callable[[Document], int]:
    def look(document: Document) -> int:
        answer = client.get(
            url + document.path, headers={"Authorization": f"Bearer {token}", "Accept": document.accept}
        )
        if answer.status_code in (401, 403):
            raise RegistryError(f"{urlsplit(url).netloc}: the token in ARTIFACT_EDGE_TOKEN may not pull the package")
        return int(answer.headers.get("x-artifact-edge-revision", 0))

    return look


def _shield_access(target: Target) -> tuple[ssl.SSLContext, str]:
    """The edge's certificate and key, from its secret (docs/architecture.md, "Between the tiers")."""
    region = boto3.Session().region_name or target.bucket.region  # the stack's home region, as its deployer has it
    manager = cast(Any, boto3).client("secretsmanager", region_name=region)
    secret = json.loads(manager.get_secret_value(SecretId=secret_id(target.environment, "edge"))["SecretString"])
    trust = ssl.create_default_context(cadata=secret["server_ca"])
    with tempfile.TemporaryDirectory() as private:  # OpenSSL takes a key from a file only
        file = Path(private) / "client.pem"
        file.touch(0o600)
        file.write_text(secret["client_certificate"] + secret["client_key"])
        trust.load_cert_chain(file)
    return trust, secret["origin_key"]


def _documents(reference: Reference) -> Sequence[Document]:
    name = reference.name
    if reference.ecosystem == "npm":
        forms = (("packument.json", "application/json"), ("packument.abbreviated.json", _INSTALL))
        return [Document(f"npm/{name}/{file}", f"/npm/{name}", accept) for file, accept in forms]
    if reference.ecosystem == "pypi":
        forms = (("index.html", "text/html"), ("index.json", _SIMPLE))
        return [Document(f"pypi/simple/{name}/{file}", f"/pypi/simple/{name}/", accept) for file, accept in forms]
    return [Document(f"oci/taglists/{name}/list.json", f"/v2/{name}/tags/list", "application/json")]
