"""Measures how long a change takes until each origin bucket, shield and edge serves it.

Each document has the revision of its package and the time of the commit as object metadata. The edge returns the
revision and the time in the headers `X-Artifact-Edge-Revision` and `X-Artifact-Edge-Published`
(docs/publish-to-visible.md).
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

_PAUSE = 0.25  # seconds between two polls of an origin bucket, shield or edge
_INSTALL = "application/vnd.npm.install-v1+json"
_SIMPLE = "application/vnd.pypi.simple.v1+json"

# A place that is polled: an origin bucket, a shield (a regional cache) or the edge. The first string is the tier, and
# the second is the name, such as `("edge", "eu-west")`.
Place = tuple[str, str]


@dataclass(frozen=True)
class Document:
    """A document that is requested again and again until it contains a change. `key` is the document's key at the
    origin and the shields (regional caches). The edge serves the document for a request with the URL path `path` and
    the Accept header `accept`.
    """

    key: str
    path: str
    accept: str


@dataclass(frozen=True)
class Seen:
    """How long a committed change took until one place served it. A place is an origin bucket, a shield (a regional
    cache) or the edge.

    `seconds` is the time from the commit until the place served the change, or None if it did not serve the change
    before the timeout. In that case, `error` describes the last attempt: an error message, or the older revision that
    the place still served. `reached` is False for a shield to which this machine cannot connect. The shields' firewall
    admits the edge, but not the machine of every operator.
    """

    place: Place
    seconds: float | None
    error: str = ""
    reached: bool = True


def complaint(seen: Sequence[Seen], timeout: float, objective: float | None) -> str | None:
    """Returns an error message if an origin bucket, a shield (a regional cache) or the edge served a published change
    too late, or did not serve it. Returns None otherwise.

    `timeout` is the number of seconds that the caller waited for the change. `objective` is the maximum permitted delay
    in seconds. It is None if the change is too old to be measured.
    """
    missing = [" ".join(each.place) for each in seen if each.seconds is None]
    if missing:
        return f"{', '.join(missing)} did not serve the change within {timeout:.0f} s"
    slowest = max((each.seconds or 0.0 for each in seen), default=0.0)
    if objective is not None and slowest > objective:
        return f"the change took {slowest:.0f} s to be visible everywhere, and the objective is {objective:.0f} s"
    return None


class Follower:
    """Polls origin buckets, shields (regional caches) and edges until they serve the last change of one package.

    `token` is a client's token for requests to the edge. `vias` maps names to URLs of proxies. The class polls the edge
    through each of these proxies. Raises RegistryError for an unknown package.
    """

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
        """Polls all origin buckets, shields and edges in parallel until they serve the last change of the package. The
        polling ends after `timeout` seconds at the latest.
        """
        with ExitStack() as open_clients:
            readers = self._revision_readers(open_clients)
            with ThreadPoolExecutor(len(readers)) as pool:
                waits = [pool.submit(self._wait, place, readers[place], timeout) for place in sorted(readers)]
                return [wait.result() for wait in waits]

    def age(self) -> float:
        """Returns the seconds since the package's last change was committed."""
        return seconds_of(now()) - seconds_of(self.published)

    def _wait(self, place: Place, read_revision: Callable[[Document], int], timeout: float) -> Seen:
        deadline, error = time.monotonic() + timeout, ""
        while time.monotonic() < deadline:
            try:
                revision = min(read_revision(document) for document in self._documents)
                if revision >= self.revision:
                    return Seen(place, self.age())
                error = f"serves revision {revision}" if revision else "serves no revision"
            except (httpx.HTTPError, ClientError, BotoCoreError, StoreError) as failed:
                error = str(failed) or type(failed).__name__
                if place[0] == "shield" and isinstance(failed, (httpx.ConnectError, httpx.ConnectTimeout)):
                    return Seen(place, None, error, reached=False)
            time.sleep(_PAUSE)
        return Seen(place, None, error)

    def _revision_readers(self, open_clients: ExitStack) -> dict[Place, Callable[[Document], int]]:
        """Returns one function for each place. A place is an origin bucket, a shield (a regional cache), or a client
        location that requests documents from the edge. Each function returns the revision of the document that its
        place serves, or 0 if the document has no revision.

        If the document is missing, the function of a bucket returns 0. The functions of shields and of the edge raise
        httpx.HTTPStatusError.
        """
        readers: dict[Place, Callable[[Document], int]] = {}
        for bucket in self._target.buckets:
            readers["origin", bucket.region] = _bucket_reader(bucket.open())
        if any(shield.address for shield in self._target.shields):
            trust, key = _shield_access(self._target)
            client = open_clients.enter_context(httpx.Client(verify=trust, timeout=10, trust_env=False))
            for shield in self._target.shields:
                readers["shield", shield.host.partition(".")[0]] = _shield_reader(client, shield, key)
        if self._token:
            for name, proxy in (self._vias or {"here": ""}).items():
                client = open_clients.enter_context(httpx.Client(proxy=proxy or None, timeout=10))
                readers["edge", name] = _edge_reader(client, self._target.url, self._token)
        return readers


def _bucket_reader(store: ObjectStore) -> Callable[[Document], int]:
    def read_revision(document: Document) -> int:
        head = store.find(document.key)
        return int(head.metadata.get("revision", 0)) if head else 0

    return read_revision


def _shield_reader(client: httpx.Client, shield: Shield, key: str) -> Callable[[Document], int]:
    """Returns a function that requests a document from a shield (a regional cache) in the same way as the edge. The
    function returns the document's revision.

    The function connects to the shield's IP address, because the shield's name may not resolve on this machine.
    """

    def read_revision(document: Document) -> int:
        answer = client.get(
            f"https://{shield.address}:{EDGE_PORT}/objects/{object_path(document.key)}",
            headers={"Host": f"{shield.host}:{EDGE_PORT}", "X-Artifact-Edge-Key": key},
            extensions={"sni_hostname": shield.host},
        ).raise_for_status()
        return int(answer.headers.get("x-amz-meta-revision", 0))

    return read_revision


def _edge_reader(client: httpx.Client, url: str, token: str) -> Callable[[Document], int]:
    def read_revision(document: Document) -> int:
        answer = client.get(
            url + document.path, headers={"Authorization": f"Bearer {token}", "Accept": document.accept}
        )
        if answer.status_code in (401, 403):
            raise RegistryError(f"{urlsplit(url).netloc}: the token in ARTIFACT_EDGE_TOKEN may not pull the package")
        answer.raise_for_status()
        return int(answer.headers.get("x-artifact-edge-revision", 0))

    return read_revision


def _shield_access(target: Target) -> tuple[ssl.SSLContext, str]:
    """Returns the TLS settings and the key with which the edge authenticates to shields (regional caches). The edge's
    secret contains the certificate and the key (docs/contracts.md, "Between the tiers").
    """
    manager = cast(Any, boto3).client("secretsmanager", region_name=target.home_region)
    secret = json.loads(manager.get_secret_value(SecretId=secret_id(target.environment, "edge"))["SecretString"])
    trust = ssl.create_default_context()
    with tempfile.TemporaryDirectory() as private:  # Python's ssl module loads private keys only from files
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
