"""Test cases for the policies on the edge worker and its Cloudflare zone."""

from __future__ import annotations

from base64 import b64encode

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import PRIVATE_KEY, SCRIPT, Case
from tests.policies.resources import resource

ROUTE = "cloudflare:index/workersRoute:WorkersRoute"
SUBDOMAIN = "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain"
DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
HOST = "packages.x.io"
FALLBACK = "cloudflare:index/customHostnameFallbackOrigin:CustomHostnameFallbackOrigin"


def hostname(min_tls_version: str = "1.2") -> PolicyResource:
    """Returns the Cloudflare custom hostname `HOST`, which clients use. The custom hostname belongs to the zone with
    the id `z`.
    """
    ssl = {"settings": {"minTlsVersion": min_tls_version}} if min_tls_version else {}
    return resource("cloudflare:index/customHostname:CustomHostname", {"hostname": HOST, "zoneId": "z", "ssl": ssl})


PROXIED = resource(DNS_RECORD, {"name": HOST, "proxied": True})


def tls(**other: str) -> list[PolicyResource]:
    """Returns the resources that set a Cloudflare zone's TLS settings. The policies accept these settings. `other`
    overrides some of them.
    """
    good = {"ssl": "strict", "min_tls_version": "1.2", "always_use_https": "on"}
    return [
        resource(
            "cloudflare:index/zoneSetting:ZoneSetting",
            {"zoneId": "z", "settingId": setting, "value": value},
        )
        for setting, value in {**good, **other}.items()
    ]


CASES = [
    Case(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [resource(SCRIPT, {"bindings": [{"name": "ORIGIN_KEY", "type": "plain_text", "text": "x"}]})],
        "binding ORIGIN_KEY is plain_text",
    ),
    Case(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [resource(SCRIPT, {"bindings": [{"name": "NOTE", "type": "plain_text", "text": PRIVATE_KEY}]})],
        "binding NOTE seems to hold a private key",
    ),
    Case(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [resource(SCRIPT, {"content": f"const k = `{PRIVATE_KEY}`"})],
        "a private key",
    ),
    Case(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [resource(SCRIPT, {"contentFile": "worker.js", "contentSha256": "0" * 64})],
        "nobody searches the file worker.js for secrets",
    ),
    Case(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [resource(SCRIPT, {"files": {"key.txt": {"contentType": "text/plain", "contentFile": "key.txt"}}})],
        "nobody searches the file key.txt for secrets",
    ),
    Case(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [resource(SCRIPT, {"files": {"key.txt": {"contentBase64": b64encode(PRIVATE_KEY.encode()).decode()}}})],
        "the module key.txt seems to hold a private key",
    ),
    Case(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [resource(SCRIPT, {"files": {"add.wasm": {"contentBase64": "AGFzbQEAAAA="}}})],
    ),
    Case(
        "cloudflare-workers-secrets-bound-as-secret-text",
        [
            resource(
                SCRIPT,
                {
                    "bindings": [
                        {"name": "ORIGIN_KEY", "type": "secret_text", "text": "x"},
                        {"name": "HOSTNAME", "type": "plain_text", "text": "packages.artifact-edge.example"},
                    ],
                    "content": "export default {}",
                },
            )
        ],
    ),
    Case("cloudflare-workers-client-certificate-bound", [resource(SCRIPT, {"bindings": []})], "no mTLS certificate"),
    Case(
        "cloudflare-workers-client-certificate-bound",
        [resource(SCRIPT, {"bindings": [{"name": "SHIELD", "type": "mtls_certificate"}]})],
    ),
    *[
        Case("cloudflare-workers-hostnames-restricted", [resource(ROUTE, {"pattern": pattern})], says)
        for pattern, says in (
            ("*x.io/*", "it answers for *x.io"),
            ("www.x.io/*", "it answers for www.x.io"),
            ("packages.x.io/npm/*", "nothing answers for other paths of packages.x.io"),
            ("packages.x.io/healthz", "nothing answers for other paths of packages.x.io"),
            ("packages.x.io", "nothing answers for other paths of packages.x.io"),
        )
    ],
    Case(
        "cloudflare-workers-hostnames-restricted",
        [resource("cloudflare:index/workersCustomDomain:WorkersCustomDomain", {"hostname": "www.x.io"})],
        "it answers for www.x.io",
    ),
    Case("cloudflare-workers-hostnames-restricted", [resource(ROUTE, {"pattern": "edge.z.io/healthz"})]),
    Case(
        "cloudflare-workers-hostnames-restricted",
        [resource(ROUTE, {"pattern": "edge.z.io/healthz/feed"})],
        "edge.z.io",
        count=2,
    ),
    Case("cloudflare-workers-hostnames-restricted", [resource(SUBDOMAIN, {"enabled": True})], "enabled is true"),
    Case(
        "cloudflare-workers-hostnames-restricted",
        [resource(SUBDOMAIN, {"enabled": False, "previewsEnabled": True})],
        "previewsEnabled is true",
    ),
    Case(
        "cloudflare-workers-hostnames-restricted",
        [resource(ROUTE, {"pattern": "packages.x.io/*"}), resource(SUBDOMAIN, {"enabled": False})],
    ),
    Case("cloudflare-dns-proxied-record-has-worker", [PROXIED], "no route leads packages.x.io/* to a worker"),
    Case(
        "cloudflare-dns-proxied-record-has-worker",
        [PROXIED, resource(ROUTE, {"pattern": "packages.x.io/npm/*", "script": "edge"})],
        "no route leads packages.x.io/* to a worker",
    ),
    *[
        Case(
            "cloudflare-dns-proxied-record-has-worker",
            [PROXIED, resource(ROUTE, {"pattern": "packages.x.io/*", **script})],
            "route",
        )
        # The policy must report the DNS record PROXIED in both test cases. In the first case, the route of the record's
        # hostname names no script. In the second case, the script's name is unknown before `pulumi up`, and the route
        # depends on no script of the stack.
        for script in ({}, {"script": UNKNOWN_STRING_VALUE})
    ],
    Case(
        "cloudflare-dns-proxied-record-has-worker",
        [
            PROXIED,
            resource(
                ROUTE,
                {"pattern": "packages.x.io/*", "script": UNKNOWN_STRING_VALUE},
                on={"script": [resource(SCRIPT, {})]},
            ),
            resource(DNS_RECORD, {"name": "www.x.io", "proxied": False}),
        ],
    ),
    Case(
        "cloudflare-dns-proxied-record-has-worker",
        [resource(DNS_RECORD, {"name": "test.z.io", "proxied": True}), resource(FALLBACK, {"origin": "other.z.io"})],
        "no route leads test.z.io/* to a worker",
    ),
    Case(
        "cloudflare-dns-proxied-record-has-worker",
        [resource(DNS_RECORD, {"name": "test.z.io", "proxied": True}), resource(FALLBACK, {"origin": "test.z.io"})],
    ),
    Case("cloudflare-zone-tls-strict", [hostname()], "is not set", count=3),
    *[
        Case("cloudflare-zone-tls-strict", [hostname(), *tls(**{setting: value})], f"{setting} is {value}")
        for setting, value in (("ssl", "full"), ("min_tls_version", "1.0"), ("always_use_https", "off"))
    ],
    *[
        Case(
            "cloudflare-zone-tls-strict",
            [hostname(version), *tls()],
            f"minTlsVersion of the hostname's certificate is {said}",
        )
        for version, said in (("1.0", "1.0"), ("", "not set"))
    ],
    Case("cloudflare-zone-tls-strict", [hostname(), *tls()]),
    Case("cloudflare-workers-logs-enabled", [resource(SCRIPT, {})], "observability is not enabled"),
    *[
        Case(
            "cloudflare-workers-logs-enabled",
            [resource(SCRIPT, {"observability": {"enabled": True, "logs": logs}})],
            says,
        )
        for logs, says in (
            ({"enabled": False}, "observability is not enabled"),
            ({"enabled": True, "headSamplingRate": 0}, "head_sampling_rate is 0"),
            ({"enabled": True, "invocationLogs": False}, "invocationLogs is false"),
            ({"enabled": True, "persist": False}, "persist is false"),
        )
    ],
    Case("cloudflare-workers-logs-enabled", [resource(SCRIPT, {"observability": {"enabled": True}})]),
]
