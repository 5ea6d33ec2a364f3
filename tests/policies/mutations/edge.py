"""Mutations of the edge worker and its zone."""

from __future__ import annotations

from tests.policies.cases.parts import PRIVATE_KEY
from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import beside, gone, put, text, without

SCRIPT = "cloudflare:index/workersScript:WorkersScript"
ROUTE = "cloudflare:index/workersRoute:WorkersRoute"
DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
ZONE = "cloudflare:index/zone:Zone"
TRUST = "cloudflare:index/customOriginTrustStore:CustomOriginTrustStore"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
SUBDOMAIN = "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain"

MUTATIONS = [
    Mutation(
        "worker-secrets-bound-as-secrets",
        [SCRIPT],
        "a secret in plain text",
        put("bindings.0", {"name": "ORIGIN_KEY", "type": "plain_text", "text": "x"}),
    ),
    Mutation(
        "worker-secrets-bound-as-secrets",
        [SCRIPT],
        "a key in the code",
        text("content", lambda code: code + PRIVATE_KEY),
    ),
    Mutation("worker-authenticates-to-shields", [SCRIPT], "no certificate", put("bindings", [])),
    Mutation("worker-answers-for-its-hostname-only", [ROUTE], "every host", put("pattern", "*artifact-edge.example/*")),
    Mutation("worker-answers-for-its-hostname-only", [ROUTE], "some paths", put("pattern", "packages.x.io/npm/*")),
    Mutation("worker-answers-for-its-hostname-only", [SCRIPT], "workers.dev", beside(SUBDOMAIN, enabled=True)),
    Mutation("proxied-names-have-a-worker", [ROUTE], "no route", gone),
    Mutation("proxied-names-have-a-worker", [ROUTE], "no script", without("script")),
    Mutation(
        "proxied-names-have-a-worker", [DNS_RECORD], "another name", beside(DNS_RECORD, name="www.x.io", proxied=True)
    ),
    Mutation("edge-trusts-one-authority", [TRUST], "no trust store", gone),
    Mutation("edge-trusts-one-authority", [ZONE], "another zone", beside(ZONE, name="x.io")),
    Mutation("edge-verifies-shields", [ZONE], "another zone", beside(ZONE, name="x.io")),
    Mutation("edge-verifies-shields", [SETTING], "no setting", gone),
    Mutation(
        "edge-verifies-shields",
        [SETTING],
        "anybody's certificate",
        put("value", "full"),
        lambda setting: setting.inputs["settingId"] == "ssl",
    ),
    Mutation(
        "edge-verifies-shields",
        [SETTING],
        "TLS 1.0",
        put("value", "1.0"),
        lambda setting: setting.inputs["settingId"] == "min_tls_version",
    ),
    Mutation("worker-logs", [SCRIPT], "no logs", put("observability.enabled", False)),
]
