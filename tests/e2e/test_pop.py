"""Tests the emulated edge network of Cloudflare: the API accepts a worker script, PoPs run the script, and the PoPs' L1
caches get objects from a stub shield.
"""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudflare
import dns.message
import dns.rrset
import httpx
import pytest
from cloudflare import Cloudflare
from cryptography.x509.oid import ExtendedKeyUsageOID

from emulation import pki, processes
from emulation.cloudflare import workerd
from emulation.cloudflare.zone_owner import active_zone
from emulation.layout import CLOUDFLARE_PORT, DNS_PORT, POP_HTTPS_PORT, POPS, Sandbox
from probes.__main__ import ON_CLOUDFLARE
from probes.recording import Recording
from probes.zone import Zone
from tests.support.enterable_directory import enterable_directory
from tests.support.sandbox.stale_kv import stale_kv

ACCOUNT = "0123456789abcdef0123456789abcdef"
DOMAIN = "artifact-edge.test"
HOST = f"packages.{DOMAIN}"
SHIELDS = [f"{region}-0.shield.{DOMAIN}" for region in ("us-east-1", "eu-west-1")]
PRIVATE = "ap-south-1-0"  # the shield (a regional cache) whose certificate comes from a private authority
UNREACHABLE = "us-west-2-0"  # the name of a shield (a regional cache) that does not answer connection attempts
CONNECT_SECONDS = 2  # seconds that PoPs wait for a connection to a shield; Cloudflare waits 19 seconds
VERSION_KEY = "Cloudflare-Workers-Version-Key"
SECRET = "the-origin-key-that-nobody-may-see"
BODY = bytes(range(256)) * 400

pytestmark = pytest.mark.skipif(
    not next(workerd.PACKAGES.glob("@cloudflare/workerd-linux-*"), None) or not shutil.which("traffic_server"),
    reason="needs workerd (npm ci in workers/edge) and Traffic Server (apt-get install trafficserver)",
)

# A worker script. Its entrypoint `Objects` fetches objects from a shield, and L1 (the PoP's cache) stores the
# entrypoint's responses. For paths below `/uncached/`, the script fetches objects without the entrypoint. The path
# `/seen` returns the request that the script received.
#
# Parameters in the query of a request set headers of the response. The parameter `host` sets the host name with which
# the script calls the entrypoint. Tests use several host names to show that the cache key contains no host.
SCRIPT = """
import { WorkerEntrypoint } from "cloudflare:workers";

async function fromShield(url, env) {
  const shield = url.searchParams.get("shield") ?? "us-east-1-0";
  const headers = { "X-Artifact-Edge-Key": env.ORIGIN_KEY };
  return env.SHIELD.fetch(`https://${shield}.shield.artifact-edge.test:8443/objects${url.pathname}`, { headers });
}

export class Objects extends WorkerEntrypoint {
  purge(tags) {
    return this.ctx.cache.purge({ tags });
  }
  async fetch(request) {
    if (request.headers.has("If-None-Match")) {
      return new Response(null, { status: 304, headers: { "cache-control": "max-age=1, stale-if-error=86400" } });
    }
    const answer = await fromShield(new URL(request.url), this.env);
    const { searchParams } = new URL(request.url);
    const headers = new Headers(answer.headers);
    headers.set("x-seen", [...request.headers.keys()].filter((name) => name !== "host").sort().join());
    headers.set("cache-tag", "some,tags");
    headers.set("x-version", this.env.VERSION);
    for (const [name, value] of searchParams) value === "" ? headers.delete(name) : headers.set(name, value);
    const status = Number(searchParams.get("status") ?? answer.status);
    return new Response(status === 204 ? null : answer.body, { status, headers });
  }
}

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname === "/seen") {
      return Response.json({ url: request.url, headers: Object.fromEntries(request.headers), cf: request.cf });
    }
    if (url.pathname === "/entry") {
      return Response.json(await env.ENTITLEMENTS.getWithMetadata(url.searchParams.get("key"), "json"));
    }
    if (url.pathname === "/outside") {
      return fetch("http://198.51.100.7/").then(() => new Response("out"), () => new Response("refused"));
    }
    if (url.pathname === "/purge") {
      return Response.json(await ctx.exports.Objects.purge(url.searchParams.getAll("tag")));
    }
    if (url.pathname === "/limit") {
      return Response.json(await env.LIMIT.limit({ key: url.searchParams.get("key") }));
    }
    if (url.pathname === "/version") return new Response(env.VERSION);
    if (url.pathname.startsWith("/uncached/")) return fromShield(url, env);
    const passed = ["Range", "Authorization"].filter((name) => request.headers.has(name));
    const headers = passed.map((name) => [name, request.headers.get(name)]);
    const host = url.searchParams.get("host") ?? "l1";
    url.searchParams.delete("host");
    const called = new Request(`https://${host}${url.pathname}${url.search}`, { method: request.method, headers });
    return ctx.exports.Objects.fetch(called);
  },
};
"""


@dataclass
class Shield:
    """The state of the stub server that takes the place of a shield (a regional cache). If `failing` is true, the stub
    answers with errors.
    """

    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    failing: bool = False

    def request_count(self, path: str) -> int:
        return sum(1 for requested, _ in self.requests if requested == f"/objects{path}")


@dataclass(frozen=True)
class Network:
    """A running emulator of the edge network, to which a worker script is deployed."""

    sandbox: Sandbox
    api: Cloudflare
    client: httpx.Client
    shield: Shield
    zone: str
    namespace: str
    certificate: str

    def deploy(self, version: str, source: str = SCRIPT, *, shared: bool = True) -> None:
        bindings: list[dict[str, Any]] = [
            {"name": "ENTITLEMENTS", "type": "kv_namespace", "namespace_id": self.namespace},
            {"name": "SHIELD", "type": "mtls_certificate", "certificate_id": self.certificate},
            {"name": "VERSION", "type": "plain_text", "text": version},
            {
                "name": "LIMIT",
                "type": "ratelimit",
                "namespace_id": "1001",
                "simple": {"limit": 2, "period": 60},
            },
            {"name": "ORIGIN_KEY", "type": "secret_text", "text": SECRET},
        ]
        metadata: Any = {
            "main_module": "index.js",
            "compatibility_date": "2026-11-01",
            "bindings": bindings,
            "cache_options": {"enabled": True, "cross_version_cache": shared},
            "exports": {
                "default": {"type": "worker", "cache": {"enabled": False}},
                "Objects": {"type": "worker", "cache": {"enabled": True}},
            },
        }
        self.api.workers.scripts.update(
            "edge",
            account_id=ACCOUNT,
            metadata=metadata,
            files=[("index.js", source.encode(), "application/javascript+module")],
        )

    def upload(self, version: str) -> str:
        """Uploads a version of the deployed script without deploying it. Returns the version's id."""
        names = ("ENTITLEMENTS", "SHIELD", "LIMIT", "ORIGIN_KEY")
        bindings: list[dict[str, Any]] = [{"name": name, "type": "inherit"} for name in names]
        metadata: Any = {
            "main_module": "index.js",
            "compatibility_date": "2026-11-01",
            "bindings": [*bindings, {"name": "VERSION", "type": "plain_text", "text": version}],
            "cache_options": {"enabled": True, "cross_version_cache": True},
            "exports": {
                "default": {"type": "worker", "cache": {"enabled": False}},
                "Objects": {"type": "worker", "cache": {"enabled": True}},
            },
        }
        # Cloudflare's SDK cannot parse a version of a worker, so the method reads the raw response.
        created = self.api.workers.scripts.versions.with_raw_response.create(
            "edge",
            account_id=ACCOUNT,
            bindings_inherit="strict",
            metadata=metadata,
            files=[("index.js", SCRIPT.encode(), "application/javascript+module")],
        )
        answer: Any = created.json()
        return answer["result"]["id"]

    def split(self, *versions: tuple[str, float]) -> None:
        """Deploys two versions of the worker's script, each with the percentage of requests that it answers."""
        parts: Any = [{"version_id": id, "percentage": percentage} for id, percentage in versions]
        self.api.workers.scripts.deployments.create("edge", account_id=ACCOUNT, strategy="percentage", versions=parts)

    def serving(self) -> str:
        """Returns the id of the worker version that answers most requests."""
        path = f"/accounts/{ACCOUNT}/workers/scripts/edge/deployments"
        answer: Any = self.api.get(path, cast_to=object)
        return answer["result"]["deployments"][0]["versions"][0]["version_id"]

    def add_name(self, name: str, *, proxied: bool) -> None:
        """Adds a DNS record to the zone. Only the record's name matters, because the stub DNS server chooses the
        address.
        """
        records = self.api.dns.records
        records.create(zone_id=self.zone, name=name, type="A", content="192.0.2.7", ttl=1, proxied=proxied)

    def get(
        self, path: str, *, pop: int = 0, host: str = HOST, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Returns a PoP's response over a new TLS connection. The edge's CA must have signed the PoP's certificate."""
        return self.request("GET", path, pop=pop, host=host, headers=headers)

    def request(
        self, method: str, path: str, *, pop: int = 0, host: str = HOST, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return self.client.request(
            method,
            f"https://{self.sandbox.pop_address(POPS[pop])}:{POP_HTTPS_PORT}{path}",
            headers={"Host": host, "Connection": "close", **(headers or {})},
            extensions={"sni_hostname": HOST},
        )


class _ToPop(httpx.BaseTransport):
    """An HTTP transport that sends requests to the first PoP, whatever host their URL names. The test needs this
    transport because no public DNS resolves these hosts.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._address = sandbox.pop_address(POPS[0])
        context = ssl.create_default_context(cafile=str(sandbox.path("pki", "edge-ca.pem")))
        self._http = httpx.HTTPTransport(verify=context)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = request.url.host
        request.url = request.url.copy_with(host=self._address, port=POP_HTTPS_PORT)
        return self._http.handle_request(request)


def _handshake(network: Network, context: ssl.SSLContext) -> str:
    """Connects to the first PoP with the TLS settings of `context`. Returns the negotiated TLS version, or `refused` if
    the handshake fails.
    """
    address = (network.sandbox.pop_address(POPS[0]), POP_HTTPS_PORT)
    with socket.create_connection(address, timeout=10) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=HOST) as agreed:
                return agreed.version() or ""
        except (ssl.SSLError, ConnectionError):
            return "refused"


@pytest.fixture(scope="module")
def network() -> Generator[Network]:
    with enterable_directory() as directory:
        sandbox = Sandbox(directory=directory, loopback="127.93")
        try:
            with _stub_dns(sandbox), _stub_shield(sandbox) as (shield, pair), _emulator(sandbox):
                yield _provisioned(sandbox, shield, pair)
        finally:
            for name in processes.names(sandbox):
                processes.stop(sandbox, name)


def _provisioned(sandbox: Sandbox, shield: Shield, pair: pki.Issued) -> Network:
    api = Cloudflare(api_token="any", base_url=sandbox.cloudflare_url, max_retries=0, timeout=60)
    zone = active_zone(api, ACCOUNT, DOMAIN)
    namespace = api.kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
    certificate = api.mtls_certificates.create(
        account_id=ACCOUNT, ca=False, certificates=pair.chain.decode(), private_key=pair.key.decode()
    )
    assert namespace and certificate and certificate.id
    for setting, value in (("ssl", "strict"), ("min_tls_version", "1.2")):
        api.zones.settings.edit(setting, zone_id=zone, value=value)
    context = ssl.create_default_context(cafile=str(sandbox.path("pki", "edge-ca.pem")))
    client = httpx.Client(verify=context, trust_env=False, timeout=60)
    network = Network(sandbox, api, client, shield, zone, namespace.id, certificate.id)
    network.deploy("1")
    for name in (*SHIELDS, f"{PRIVATE}.shield.{DOMAIN}", f"{UNREACHABLE}.shield.{DOMAIN}"):
        network.add_name(name, proxied=False)
    api.workers.routes.create(zone_id=zone, pattern=f"{HOST}/*", script="edge")
    return network


def test_the_first_request_reaches_the_shield_and_later_ones_the_cache(network: Network) -> None:
    first, second = network.get("/npm/leftpad?host=a"), network.get("/npm/leftpad?host=b")
    assert (first.content, second.content) == (BODY, BODY)
    assert [answer.headers["cf-cache-status"] for answer in (first, second)] == ["MISS", "HIT"]
    assert network.shield.request_count("/npm/leftpad") == 1
    _, headers = network.shield.requests[-1]
    assert headers["x-artifact-edge-key"] == SECRET
    assert "cache-tag" not in first.headers


def test_a_fetch_to_a_shield_is_not_cached(network: Network) -> None:
    answers = [network.get("/uncached/tarball") for _ in range(2)]
    assert [answer.content for answer in answers] == [BODY, BODY]
    assert network.shield.request_count("/uncached/tarball") == 2


def test_each_pop_has_a_separate_cache(network: Network) -> None:
    for pop in range(len(POPS)):
        assert network.get("/npm/per-pop", pop=pop).headers["cf-cache-status"] == "MISS"
    assert network.shield.request_count("/npm/per-pop") == len(POPS)


def test_the_rules_of_the_zone_decide_before_the_script_runs(network: Network) -> None:
    block = [
        {"action": "block", "expression": 'http.request.method eq "TRACE"'},
        {"action": "block", "expression": 'lower(raw.http.request.uri.path) contains "%2e"'},
        {"action": "block", "expression": "ip.src in {127.93.200.8/32}"},
    ]
    rate = {
        "characteristics": ["cf.colo.id", "ip.src"],
        "period": 10,
        "requests_per_period": 2,
        "mitigation_timeout": 10,
    }
    limit = [
        {"action": "block", "expression": 'http.request.uri.path eq "/version"', "ratelimit": rate},
    ]
    rulesets: Any = network.api.rulesets
    for phase, rules in (("http_request_firewall_custom", block), ("http_ratelimit", limit)):
        rulesets.create(zone_id=network.zone, kind="zone", name="waf", phase=phase, rules=rules)
    try:
        sent = [network.request("TRACE", "/version"), network.get("/%2E%2e/version")]
        assert [answer.status_code for answer in sent] == [403, 403]
        assert [_get_from(network, "127.93.200.7", "/version") for _ in range(3)] == [200, 200, 429]
        assert _get_from(network, "127.93.200.8", "/seen") == 403
        assert network.get("/version").status_code == 200
        assert network.get("/seen").json()["headers"]["cf-connecting-ip"] == "192.0.2.1"
    finally:
        for each in list(rulesets.list(zone_id=network.zone)):
            rulesets.delete(each.id, zone_id=network.zone)
    assert network.get("/%2E%2e/version").status_code == 200


def test_a_rate_limiting_binding_counts_each_key_in_each_pop(network: Network) -> None:
    def allowed(key: str, *, pop: int = 0) -> bool:
        return network.get(f"/limit?key={key}", pop=pop).json()["success"]

    assert [allowed("a") for _ in range(3)] == [True, True, False]
    assert (allowed("b"), allowed("a", pop=1)) == (True, True)


def _get_from(network: Network, address: str, path: str) -> int:
    """Returns the status of the first PoP's response to a client with the given IP address."""
    context = ssl.create_default_context(cafile=str(network.sandbox.path("pki", "edge-ca.pem")))
    url = f"https://{network.sandbox.pop_address(POPS[0])}:{POP_HTTPS_PORT}{path}"
    with httpx.Client(transport=httpx.HTTPTransport(verify=context, local_address=address), timeout=20) as client:
        return client.get(url, headers={"Host": HOST}, extensions={"sni_hostname": HOST}).status_code


def test_simultaneous_misses_are_one_shield_request(network: Network) -> None:
    with ThreadPoolExecutor(100) as clients:
        answers = list(clients.map(network.get, ["/slow/tarball"] * 100))
    assert Counter((answer.status_code, answer.content == BODY) for answer in answers) == {(200, True): 100}
    assert network.shield.request_count("/slow/tarball") == 1


def test_simultaneous_misses_in_all_pops_are_at_most_one_shield_request_for_each(network: Network) -> None:
    def get(number: int) -> httpx.Response:
        return network.get("/slow/everywhere", pop=number % len(POPS))

    with ThreadPoolExecutor(100) as clients:
        answers = list(clients.map(get, range(100)))
    assert Counter((answer.status_code, answer.content == BODY) for answer in answers) == {(200, True): 100}
    assert 1 <= network.shield.request_count("/slow/everywhere") <= len(POPS)


def test_a_document_with_a_short_lifetime_is_fetched_once_in_each_lifetime(network: Network) -> None:
    path = "/feeds/document?cache-control=max-age%3D2&etag=&last-modified="
    started, answers = time.monotonic(), list[httpx.Response]()
    with ThreadPoolExecutor(20) as clients:
        while network.shield.request_count("/feeds/document") < 3:
            answers += clients.map(network.get, [path] * 20)
            assert time.monotonic() < started + 120
    assert {answer.status_code for answer in answers} == {200}
    # L1, the PoP's cache, keeps the document for two seconds. It counts whole seconds from the time at which the shield
    # answered (RFC 9111, section 4.2.3), so more than one second is between two fetches.
    assert network.shield.request_count("/feeds/document") <= 1 + (time.monotonic() - started)


def test_a_range_comes_from_the_cached_object_also_after_a_miss(network: Network) -> None:
    cold = network.get("/pypi/wheel", headers={"Range": "bytes=-7"})
    warm = network.get("/pypi/wheel", headers={"Range": "bytes=10-19"})
    assert (cold.status_code, cold.content) == (206, BODY[-7:])
    assert (warm.status_code, warm.content) == (206, BODY[10:20])
    assert warm.headers["cf-cache-status"] == "HIT"
    assert network.shield.request_count("/pypi/wheel") == 1


def test_the_cached_entrypoint_receives_no_range(network: Network) -> None:
    cold = network.get("/npm/heard", headers={"Range": "bytes=0-4"})
    assert (cold.status_code, cold.content) == (206, BODY[:5])
    assert "range" not in cold.headers["x-seen"].split(",")


def test_a_head_request_fills_the_cache(network: Network) -> None:
    head = network.request("HEAD", "/npm/head")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(BODY)))
    _until_hit(network, "/npm/head")
    assert network.shield.request_count("/npm/head") == 1


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("set-cookie=a%3Db", {}),
        ("status=206", {}),
        ("cache-control=no-store", {}),
        ("cache-control=private,max-age%3D60", {}),
        ("cache-control=max-age%3D60", {"Authorization": "Bearer any"}),
        ("status=520", {}),
        ("vary=*", {}),
    ],
)
def test_responses_that_bypass_workers_cache_are_not_stored(
    network: Network, query: str, headers: dict[str, str]
) -> None:
    path = f"/npm/refused?{query}"
    before = network.shield.request_count("/npm/refused")
    assert "HIT" not in [network.get(path, headers=headers).headers["cf-cache-status"] for _ in range(2)]
    assert network.shield.request_count("/npm/refused") == before + 2


@pytest.mark.parametrize("status", [200, 404])
def test_a_response_without_a_lifetime_is_stored_for_a_default_time(network: Network, status: int) -> None:
    path = f"/npm/silent?status={status}&cache-control="
    answers = [network.get(path) for _ in range(2)]
    assert [answer.headers["cf-cache-status"] for answer in answers] == ["MISS", "HIT"]
    assert [answer.headers.get("cache-control") for answer in answers] == [None, None]


def test_the_cache_obeys_its_own_header_and_clients_get_cache_control(network: Network) -> None:
    path = "/npm/precedence?cache-control=private,max-age%3D5&cloudflare-cdn-cache-control=public,max-age%3D60"
    answers = [network.get(path) for _ in range(2)]
    assert [answer.headers["cf-cache-status"] for answer in answers] == ["MISS", "HIT"]
    assert [answer.headers["cache-control"] for answer in answers] == ["private,max-age=5"] * 2
    assert ["cloudflare-cdn-cache-control" in answer.headers for answer in answers] == [False, False]


def test_a_refusal_with_no_store_is_not_stored(network: Network) -> None:
    path = "/missing/x?cache-control=no-store"
    assert [network.get(path).status_code for _ in range(2)] == [404, 404]
    assert network.shield.request_count("/missing/x") == 2


def test_a_stale_document_is_served_while_the_shield_fails(network: Network) -> None:
    assert network.get("/brief/packument").headers["cf-cache-status"] == "MISS"
    assert _once_expired(network, "/brief/packument").headers["cf-cache-status"] == "REVALIDATED"
    network.shield.failing = True
    try:
        stale = _once_expired(network, "/brief/packument")
    finally:
        network.shield.failing = False
    assert (stale.status_code, stale.content, stale.headers["cf-cache-status"]) == (200, BODY, "STALE")


def test_a_name_of_the_zone_resolves_only_from_the_records_of_the_zone(network: Network) -> None:
    path = "/uncached/unknown-name?shield=us-east-1-7"
    refused = network.get(path)
    assert (refused.status_code, refused.text) == (530, "error code: 1016\n")
    network.add_name(f"us-east-1-7.shield.{DOMAIN}", proxied=True)
    assert network.get(path).status_code == 520
    assert network.shield.request_count("/uncached/unknown-name") == 0


def test_a_shield_that_does_not_accept_a_connection_is_reported_with_522(network: Network) -> None:
    with _full_queue(network.sandbox):
        assert network.get(f"/uncached/unreachable?shield={UNREACHABLE}").status_code == 522


def test_a_shield_that_refuses_connections_is_reported_with_521(network: Network) -> None:
    assert network.get(f"/uncached/refused?shield={UNREACHABLE}").status_code == 521


def test_a_shield_without_tls_is_reported_with_525(network: Network) -> None:
    with _server_without_tls(network.sandbox):
        assert network.get(f"/uncached/without-tls?shield={UNREACHABLE}").status_code == 525


def test_a_shield_that_closes_the_connection_is_reported_with_520(network: Network) -> None:
    assert network.get("/uncached/closed/tarball").status_code == 520
    assert network.shield.request_count("/uncached/closed/tarball") == 1


@pytest.mark.parametrize("encryption_mode", ["strict", "full"])
def test_a_shield_with_a_private_certificate_receives_no_request(network: Network, encryption_mode: str) -> None:
    settings = network.api.zones.settings
    settings.edit("ssl", zone_id=network.zone, value=encryption_mode)
    try:
        answer = network.get(f"/npm/private-{encryption_mode}?shield={PRIVATE}")
    finally:
        settings.edit("ssl", zone_id=network.zone, value="strict")
    assert (answer.status_code, network.shield.request_count(f"/npm/private-{encryption_mode}")) == (526, 0)
    assert network.get(f"/npm/private-{encryption_mode}").status_code == 200


def test_a_custom_hostname_without_a_certificate_is_not_served(network: Network) -> None:
    hostnames: Any = network.api.custom_hostnames
    pending = hostnames.create(
        zone_id=network.zone, hostname="packages.example.test", ssl={"type": "dv", "method": "txt"}
    )
    try:
        url = f"https://{network.sandbox.pop_address(POPS[0])}:{POP_HTTPS_PORT}/version"
        with pytest.raises(httpx.ConnectError, match="certificate"):
            network.client.get(url, extensions={"sni_hostname": "packages.example.test"})
    finally:
        hostnames.delete(pending.id, zone_id=network.zone)


def test_clients_with_an_old_tls_version_are_refused(network: Network) -> None:
    old = ssl.create_default_context(cafile=str(network.sandbox.path("pki", "edge-ca.pem")))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert _handshake(network, old) == "TLSv1.2"
    network.api.zones.settings.edit("min_tls_version", zone_id=network.zone, value="1.3")
    try:
        assert _handshake(network, old) == "refused"
    finally:
        network.api.zones.settings.edit("min_tls_version", zone_id=network.zone, value="1.2")


def test_a_purge_by_tag_removes_the_objects_with_the_tag_from_every_cache(network: Network) -> None:
    for pop in range(len(POPS)):
        network.get("/npm/purged?cache-tag=one,Two", pop=pop)
        network.get("/npm/purged-not?cache-tag=three", pop=pop)
    assert network.get("/purge?tag=two").json() == {"success": True, "errors": []}
    for pop in range(len(POPS)):
        assert network.get("/npm/purged?cache-tag=one,Two", pop=pop).headers["cf-cache-status"] == "MISS"
        assert network.get("/npm/purged-not?cache-tag=three", pop=pop).headers["cf-cache-status"] == "HIT"


def test_a_redeployed_script_purges_what_an_earlier_version_stored(network: Network) -> None:
    network.deploy("1")
    network.get("/npm/earlier?cache-tag=four")
    network.deploy("2")
    network.get("/purge?tag=four")
    assert network.get("/npm/earlier?cache-tag=four").headers["cf-cache-status"] == "MISS"


def test_no_purge_of_the_zone_reaches_workers_cache(network: Network) -> None:
    network.get("/npm/zone")
    network.api.cache.purge(zone_id=network.zone, files=[f"https://{SHIELDS[0]}:8443/npm/zone", "https://l1/npm/zone"])
    network.api.cache.purge(zone_id=network.zone, purge_everything=True)
    assert network.get("/npm/zone").headers["cf-cache-status"] == "HIT"


def test_the_script_sees_the_pop_and_no_forged_client_headers(network: Network) -> None:
    claims = {"CF-Connecting-IP": "10.0.0.1", "CF-Ray": "mine", "CF-Made-Up": "1", "X-Forwarded-For": "10.0.0.1"}
    for pop in range(len(POPS)):
        seen = network.get("/seen", pop=pop, headers=claims).json()
        assert seen["cf"]["colo"] == POPS[pop].colo
        assert (seen["cf"]["latitude"], seen["cf"]["country"]) == (str(POPS[pop].latitude), POPS[pop].country)
        assert seen["headers"]["cf-connecting-ip"] == seen["headers"]["x-forwarded-for"] == "192.0.2.1"
        assert seen["headers"]["cf-ray"].endswith(f"-{POPS[pop].colo}")
        assert "cf-made-up" not in seen["headers"]
        assert seen["headers"]["host"] == HOST


def test_the_edge_reads_values_that_the_api_wrote(network: Network) -> None:
    key = "token:a b/c%20d+é"
    network.api.kv.namespaces.values.update(
        key, account_id=ACCOUNT, namespace_id=network.namespace, value=b'{"version": 1}', metadata={"note": "m"}
    )
    entry = network.get("/entry?" + str(httpx.QueryParams(key=key))).json()
    assert (entry["value"], entry["metadata"]) == ({"version": 1}, {"note": "m"})
    network.api.kv.namespaces.values.delete(key, account_id=ACCOUNT, namespace_id=network.namespace)
    assert network.get("/entry?" + str(httpx.QueryParams(key=key))).json()["value"] is None


def test_a_pop_that_has_read_a_value_sees_its_change_late(network: Network) -> None:
    def write(value: bytes) -> None:
        values = network.api.kv.namespaces.values
        values.update("changed", account_id=ACCOUNT, namespace_id=network.namespace, value=value)

    def seen(pop: int) -> object:
        return network.get("/entry?key=changed", pop=pop).json()["value"]

    write(b"1")
    with stale_kv(network.sandbox):
        assert seen(0) == 1
        write(b"2")
        assert (seen(0), seen(1)) == (1, 2)
    assert seen(0) == 2


def test_only_pops_can_query_the_key_value_service(network: Network) -> None:
    url = f"http://{network.sandbox.cloudflare_address}:{CLOUDFLARE_PORT}/token"
    answer = httpx.get(url, headers={"X-Edge-Namespace": network.namespace}, trust_env=False)
    assert answer.status_code == 403


def test_a_plain_fetch_does_not_leave_the_edge(network: Network) -> None:
    assert network.get("/outside").text == "refused"


def test_a_host_without_a_route_is_not_served(network: Network) -> None:
    answer = network.get("/npm/leftpad", host=f"other.{DOMAIN}")
    assert (answer.status_code, answer.text) == (530, "error code: 1016\n")


def test_a_redeployed_script_keeps_the_cache_only_where_versions_share_it(network: Network) -> None:
    network.deploy("1", shared=False)
    assert network.get("/npm/kept").headers["cf-cache-status"] == "MISS"
    network.deploy("1", shared=False)
    assert network.get("/npm/kept").headers["cf-cache-status"] == "MISS"
    network.deploy("1")
    network.get("/npm/kept")
    network.deploy("2")
    assert network.get("/version").text == network.get("/version", pop=1).text == "2"
    assert network.get("/npm/kept").headers["cf-cache-status"] == "HIT"


def test_two_versions_answer_by_percentage_and_share_the_cache(network: Network) -> None:
    network.deploy("old")
    old = network.serving()
    new = network.upload("new")
    assert {network.get("/version", pop=pop).text for pop in range(len(POPS))} == {"old"}
    network.split((old, 70), (new, 30))
    for pop in range(len(POPS)):
        answers = Counter(network.get("/version", pop=pop).text for _ in range(100))
        assert set(answers) == {"old", "new"}
        assert answers["old"] > answers["new"]
    keys = {str(number): network.get("/version", headers={VERSION_KEY: str(number)}).text for number in range(20)}
    assert set(keys.values()) == {"old", "new"}
    assert all(network.get("/version", headers={VERSION_KEY: key}).text == said for key, said in keys.items())
    assert network.get("/version", headers={"Cloudflare-Workers-Version-Overrides": f'edge="{new}"'}).status_code == 501
    # Both worker versions share L1, the PoP's cache. The version that gets the first request fetches the object. L1
    # then gives the same response to clients of the other version.
    key = {said: key for key, said in keys.items()}
    for asks, reads in (("old", "new"), ("new", "old")):
        first = network.get(f"/npm/asked-by-{asks}", headers={VERSION_KEY: key[asks]})
        second = network.get(f"/npm/asked-by-{asks}", headers={VERSION_KEY: key[reads]})
        assert [each.headers["cf-cache-status"] for each in (first, second)] == ["MISS", "HIT"]
        assert [each.headers["x-version"] for each in (first, second)] == [asks, asks]
    network.split((old, 100))
    assert {network.get("/version", headers={VERSION_KEY: key["new"]}).text} == {"old"}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("export default {", "SyntaxError"),
        ("throw new Error('at start');", "at start"),
        ("export default { fetch() {} };", "no such named entrypoint"),
    ],
)
def test_a_script_that_does_not_start_is_refused_and_the_old_one_stays(
    network: Network, source: str, words: str
) -> None:
    before = network.get("/version").text
    with pytest.raises(cloudflare.BadRequestError, match=words) as refused:
        network.deploy("broken", source)
    assert refused.value.errors[0].code == 10021
    assert network.get("/version").text == before


def test_no_argument_and_no_readable_file_contains_a_secret(network: Network) -> None:
    keys = [SECRET.encode(), b"PRIVATE KEY"]
    for name in processes.names(network.sandbox):
        pid = processes.pid_of(network.sandbox, name)
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert not any(key in command for key in keys), name
    holding = [
        path
        for path in network.sandbox.directory.rglob("*")
        if path.is_file() and path.name != "cache.db" and any(key in path.read_bytes() for key in keys)
    ]
    assert holding
    assert [path for path in holding if path.stat().st_mode & 0o077] == []


def _until_hit(network: Network, path: str) -> None:
    """Repeats a request until the L1 cache answers it. After a HEAD request, the cache stores the object with a
    delay.
    """
    deadline = time.monotonic() + 120
    while network.get(path).headers["cf-cache-status"] != "HIT":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _once_expired(network: Network, path: str) -> httpx.Response:
    """Repeats a request until the cached copy in L1 (the PoP's cache) has expired. Returns the first response after
    that.
    """
    while True:
        answer = network.get(path)
        if answer.headers["cf-cache-status"] != "HIT":
            return answer
        time.sleep(0.2)


@contextmanager
def _emulator(sandbox: Sandbox) -> Generator[None]:
    log = sandbox.path("logs", "cloudflare.log").open("ab")
    command = [sys.executable, "-m", "emulation.cloudflare", "--directory", str(sandbox.directory)]
    command += ["--connect-seconds", str(CONNECT_SECONDS)]
    environment = {**os.environ, "ARTIFACT_EDGE_LOOPBACK": sandbox.loopback}
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as emulator:
        try:
            while not processes.listening(sandbox.cloudflare_address, CLOUDFLARE_PORT):
                assert emulator.poll() is None, Path(log.name).read_text()
                time.sleep(0.05)
            yield
            emulator.terminate()
            assert emulator.wait(120) == 0
            running = [name for name in processes.names(sandbox) if processes.pid_of(sandbox, name)]
            assert running == []  # the emulator has ended the PoP's processes
        finally:
            emulator.kill()


@contextmanager
def _stub_dns(sandbox: Sandbox) -> Generator[None]:
    """Runs a DNS server that answers each A query for a shield (a regional cache) with the address of a stub."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((sandbox.dns_address, DNS_PORT))

        def answer() -> None:
            while True:
                try:
                    wire, client = server.recvfrom(4096)
                except OSError:
                    return
                query = dns.message.from_wire(wire)
                response = dns.message.make_response(query)
                name = query.question[0].name
                isolated = str(name).startswith(UNREACHABLE) or f"-unreachable.{DOMAIN}" in str(name)
                if isolated or str(name).rstrip(".").endswith(f".shield.{DOMAIN}"):
                    address = _unreachable_address(sandbox) if isolated else _shield_address(sandbox)
                    response.answer.append(dns.rrset.from_text(name, 1, "IN", "A", address))
                server.sendto(response.to_wire(), client)

        threading.Thread(target=answer, daemon=True).start()
        yield


@contextmanager
def _stub_shield(sandbox: Sandbox) -> Generator[tuple[Shield, pki.Issued]]:
    """Runs the stub shield, a TLS server in place of a regional cache. It requires a client certificate of a private
    authority.

    Yields the stub's state, which contains the received requests. Also yields a client certificate with its key, which
    the stub accepts.
    """
    private = pki.Authority(sandbox.path("shield", "edge-ca.pem").parent)
    public = pki.Authority(sandbox.path("pki", "edge-ca.pem").parent)
    context = _server_context(sandbox, "public", public.issue(SHIELDS))
    context.load_verify_locations(private.certificate_file)
    context.verify_mode = ssl.CERT_REQUIRED
    privately_trusted = _server_context(sandbox, "private", private.issue([f"{PRIVATE}.shield.{DOMAIN}"]))

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if (name or "").startswith(PRIVATE):
            connection.context = privately_trusted

    context.sni_callback = choose
    shield = Shield()
    server = _Server((_shield_address(sandbox), 8443), _answering(shield))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield shield, private.issue(["edge"], ExtendedKeyUsageOID.CLIENT_AUTH)
    finally:
        server.shutdown()
        server.server_close()


def _server_context(sandbox: Sandbox, name: str, issued: pki.Issued) -> ssl.SSLContext:
    """Returns the TLS context of a server that presents a certificate."""
    chain, key = sandbox.path("shield", f"{name}.pem"), sandbox.path("shield", f"{name}.key")
    pki.write_private(chain, issued.chain)
    pki.write_private(key, issued.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64


def _answering(shield: Shield) -> type[http.server.BaseHTTPRequestHandler]:
    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            shield.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            if "/closed/" in self.path:
                self.close_connection = True
                return
            if "/slow/" in self.path:
                time.sleep(1)  # all other simultaneous requests of the test arrive during this time
            current = "/brief/" in self.path and self.headers.get("If-None-Match") == '"1"'
            status = 503 if shield.failing else 404 if "/missing/" in self.path else 304 if current else 200
            content = BODY if status == 200 else b""
            if status == 200 and "Range" in self.headers:
                first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
                status, content = 206, BODY[int(first) : int(last) + 1] if first else BODY[-int(last) :]
            lifetime = "max-age=1, stale-if-error=86400" if "/brief/" in self.path else "max-age=31536000, immutable"
            self.send_response(status)
            self.send_header("Cache-Control", f"public, {lifetime}")
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Answer


def _shield_address(sandbox: Sandbox) -> str:
    return f"{sandbox.loopback}.2.1"


def _unreachable_address(sandbox: Sandbox) -> str:
    return f"{sandbox.loopback}.2.2"


@contextmanager
def _full_queue(sandbox: Sandbox) -> Generator[None]:
    """Listens at the address of a shield that must not be reachable, and fills the listener's queue of waiting
    connections. The kernel therefore drops all further connections to this address.
    """
    address = (_unreachable_address(sandbox), 8443)
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(address)
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield


@contextmanager
def _server_without_tls(sandbox: Sandbox) -> Generator[None]:
    """Runs an HTTP server without TLS at an address that otherwise has no server."""
    server = _Server((_unreachable_address(sandbox), 8443), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_the_probe_of_workers_cache_passes(network: Network) -> None:
    assert_passes(network, "workers-cache", facts=25)


def test_the_probe_of_client_certificates_passes(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.client_certificates._UNTRUSTED", f"{PRIVATE}.shield.{DOMAIN}:8443")
    with _only_route(network), _full_queue(network.sandbox):
        assert_passes(network, "workers-client-certificates", facts=5)


def test_the_probe_of_copies_of_workers_kv_passes(network: Network) -> None:
    with stale_kv(network.sandbox):
        assert_passes(network, "workers-kv-copies", facts=2)


def test_the_probe_of_rate_limiting_bindings_passes(network: Network) -> None:
    assert_passes(network, "workers-rate-limits", facts=4)


def test_the_probe_of_versions_of_workers_passes(network: Network) -> None:
    assert_passes(network, "workers-versions", facts=11)


def test_the_probe_of_the_rules_of_a_zone_passes(network: Network) -> None:
    assert_passes(network, "zone-rules", facts=12)
    assert list(network.api.rulesets.list(zone_id=network.zone)) == []


# This test must be the last one of the file, because it uses up the account's rate limit of purges. Cloudflare then
# refuses further purges for some minutes.
def test_the_probe_of_the_limits_of_workers_cache_passes(network: Network) -> None:
    assert_passes(network, "workers-cache-limits", facts=5)


@contextmanager
def _only_route(network: Network) -> Generator[None]:
    """Deletes the zone's only route during the `with` block. The emulated edge supports only one client certificate for
    all scripts with routes. Without the route, a probe (a check of documented facts about Cloudflare) can deploy a
    script with its own client certificate.
    """
    (route,) = network.api.workers.routes.list(zone_id=network.zone)
    network.api.workers.routes.delete(route.id, zone_id=network.zone)
    try:
        yield
    finally:
        network.api.workers.routes.create(zone_id=network.zone, pattern=route.pattern, script="edge")


def assert_passes(network: Network, probe: str, *, facts: int) -> None:
    """Runs a probe, which checks documented facts about Cloudflare, at the emulated edge. Asserts that each fact is
    true there, and that the probe deletes its resources.
    """
    recording = Recording("0a1b2c3d")
    with ExitStack() as cleanup, httpx.Client(transport=_ToPop(network.sandbox), timeout=60) as http:
        zone = Zone("0a1b2c3d", DOMAIN, network.api, http, cleanup, recording, SHIELDS[0])
        found = list(ON_CLOUDFLARE[probe].check(zone))
    assert [f"{fact.text}: {fact.observed}" for fact in found if not fact.holds] == []
    assert len(found) == facts
    assert [script.id for script in network.api.workers.scripts.list(account_id=ACCOUNT)] == ["edge"]
    names = {record.name for record in network.api.dns.records.list(zone_id=network.zone)}
    assert {name for name in names if ".shield." not in name} == set()
