"""Harmful changes to the edge worker and its Cloudflare zone. Tests make each change, and a policy must report it."""

from __future__ import annotations

from tests.policies.cases.parts import PRIVATE_KEY
from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, put, remove, text

SCRIPT = "cloudflare:index/workersScript:WorkersScript"
ROUTE = "cloudflare:index/workersRoute:WorkersRoute"
DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
FALLBACK = "cloudflare:index/customHostnameFallbackOrigin:CustomHostnameFallbackOrigin"
HOSTNAME = "cloudflare:index/customHostname:CustomHostname"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
SUBDOMAIN = "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain"

MUTATIONS = [
    Mutation(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [SCRIPT],
        "the edge worker has a secret in a plain-text binding",
        put("bindings.0", {"name": "ORIGIN_KEY", "type": "plain_text", "text": "x"}),
    ),
    Mutation(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [SCRIPT],
        "the edge worker's code contains a private key",
        text("content", lambda code: code + PRIVATE_KEY),
    ),
    Mutation(
        "cloudflare-workers-client-certificate-bound",
        [SCRIPT],
        "the edge worker has no client certificate for shields",
        put("bindings", []),
    ),
    Mutation(
        "cloudflare-workers-hostnames-restricted",
        [ROUTE],
        "a worker route covers every host of the zone",
        put("pattern", "*artifact-edge.example/*"),
    ),
    Mutation(
        "cloudflare-workers-hostnames-restricted",
        [ROUTE],
        "a worker route covers only some paths",
        put("pattern", "packages.x.io/npm/*"),
    ),
    Mutation(
        "cloudflare-workers-hostnames-restricted",
        [SCRIPT],
        "the edge worker also answers at workers.dev",
        add_resource(SUBDOMAIN, enabled=True),
    ),
    Mutation(
        "cloudflare-dns-proxied-record-has-worker",
        [FALLBACK],
        "the zone has no fallback origin for custom hostnames",
        remove,
    ),
    Mutation(
        "cloudflare-dns-proxied-record-has-worker",
        [DNS_RECORD],
        "a proxied DNS record has a name without a worker route",
        add_resource(DNS_RECORD, name="www.x.io", proxied=True),
    ),
    Mutation(
        "cloudflare-zone-tls-strict",
        [HOSTNAME],
        "a custom hostname is in a zone without TLS settings",
        add_resource(HOSTNAME, zoneId="x", hostname="x.io"),
    ),
    Mutation(
        "cloudflare-zone-tls-strict",
        [HOSTNAME],
        "a custom hostname accepts clients with TLS 1.0",
        put("ssl.settings.minTlsVersion", "1.0"),
    ),
    Mutation("cloudflare-zone-tls-strict", [SETTING], "a TLS setting of the zone is missing", remove),
    Mutation(
        "cloudflare-zone-tls-strict",
        [SETTING],
        "the zone accepts any certificate of an origin",
        put("value", "full"),
        lambda setting: setting.inputs["settingId"] == "ssl",
    ),
    Mutation(
        "cloudflare-zone-tls-strict",
        [SETTING],
        "the zone accepts clients with TLS 1.0",
        put("value", "1.0"),
        lambda setting: setting.inputs["settingId"] == "min_tls_version",
    ),
    Mutation(
        "cloudflare-workers-logs-enabled",
        [SCRIPT],
        "the edge worker writes no logs",
        put("observability.enabled", False),
    ),
]
