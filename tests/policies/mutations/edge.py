"""Changes that break the edge worker and its Cloudflare zone, each of which a policy must report."""

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
        "a secret in plain text",
        put("bindings.0", {"name": "ORIGIN_KEY", "type": "plain_text", "text": "x"}),
    ),
    Mutation(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [SCRIPT],
        "a key in the code",
        text("content", lambda code: code + PRIVATE_KEY),
    ),
    Mutation("cloudflare-workers-client-certificate-bound", [SCRIPT], "no certificate", put("bindings", [])),
    Mutation(
        "cloudflare-workers-hostnames-restricted", [ROUTE], "every host", put("pattern", "*artifact-edge.example/*")
    ),
    Mutation("cloudflare-workers-hostnames-restricted", [ROUTE], "some paths", put("pattern", "packages.x.io/npm/*")),
    Mutation("cloudflare-workers-hostnames-restricted", [SCRIPT], "workers.dev", add_resource(SUBDOMAIN, enabled=True)),
    Mutation("cloudflare-dns-proxied-record-has-worker", [FALLBACK], "no fallback origin", remove),
    Mutation(
        "cloudflare-dns-proxied-record-has-worker",
        [DNS_RECORD],
        "another name",
        add_resource(DNS_RECORD, name="www.x.io", proxied=True),
    ),
    Mutation(
        "cloudflare-zone-tls-strict", [HOSTNAME], "another zone", add_resource(HOSTNAME, zoneId="x", hostname="x.io")
    ),
    Mutation("cloudflare-zone-tls-strict", [HOSTNAME], "TLS 1.0 for clients", put("ssl.settings.minTlsVersion", "1.0")),
    Mutation("cloudflare-zone-tls-strict", [SETTING], "no setting", remove),
    Mutation(
        "cloudflare-zone-tls-strict",
        [SETTING],
        "anybody's certificate",
        put("value", "full"),
        lambda setting: setting.inputs["settingId"] == "ssl",
    ),
    Mutation(
        "cloudflare-zone-tls-strict",
        [SETTING],
        "TLS 1.0",
        put("value", "1.0"),
        lambda setting: setting.inputs["settingId"] == "min_tls_version",
    ),
    Mutation("cloudflare-workers-logs-enabled", [SCRIPT], "no logs", put("observability.enabled", False)),
]
