"""Harmful changes to the edge worker's bindings, routes, hostname and zone. Tests make each change, and a policy must
report it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.policies.mutations import Change
from tests.policies.mutations.changes import add_resource, put, put_only, without
from tests.policies.violations import Violation
from tests.support.harness import Registered

SCRIPT = "cloudflare:index/workersScript:WorkersScript"
ZONE_SETTING = "cloudflare:index/zoneSetting:ZoneSetting"


def also_bind(**binding: Any) -> Change:
    def change(script: Registered) -> Sequence[Registered]:
        script.inputs["bindings"] = [*script.inputs["bindings"], binding]
        return [script]

    return change


def also_set(name: str, value: Any) -> Change:
    return lambda zone: add_resource(ZONE_SETTING, zoneId=zone.inputs["zoneId"], settingId=name, value=value)(zone)


def rebind(name: str, **changed: Any) -> Change:
    def change(script: Registered) -> Sequence[Registered]:
        bindings = script.inputs["bindings"]
        changed_bindings = [{**each, **changed} if each["name"] == name else each for each in bindings]
        return put_only("bindings", changed_bindings)(script)

    return change


VIOLATIONS = [
    Violation(
        "zone: a rule that caches everything",
        "cloudflare-rulesets-of-waf-only",
        "it has rules in http_request_cache_settings",
        "cloudflare:index/ruleset:Ruleset",
        add_resource("cloudflare:index/ruleset:Ruleset", zoneId="x", phase="http_request_cache_settings"),
    ),
    Violation(
        "worker: short plaintext secret APIKEY",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding APIKEY is plain_text, but named like a secret",
        SCRIPT,
        also_bind(type="plain_text", name="APIKEY", text="hunter2"),
    ),
    Violation(
        "worker: plaintext PASSPHRASE",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding PASSPHRASE is plain_text, but named like a secret",
        SCRIPT,
        also_bind(type="plain_text", name="PASSPHRASE", text="hunter2"),
    ),
    Violation(
        "worker: URL with password",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding UPSTREAM seems to hold a URL with a password",
        SCRIPT,
        also_bind(type="plain_text", name="UPSTREAM", text="https://u:hunter2@host.example/"),
    ),
    Violation(
        "worker: json with a token",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding SETTINGS has a value with the name token",
        SCRIPT,
        also_bind(type="json", name="SETTINGS", json='{"token": "hunter2"}'),
    ),
    Violation(
        "worker: signing key as plain text",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding TOKEN_SIGNING_KEY is plain_text, but named like a secret",
        SCRIPT,
        rebind("TOKEN_SIGNING_KEY", type="plain_text"),
    ),
    Violation(
        "worker: caches answers before it authorizes",
        "cloudflare-workers-authorization-not-cached",
        "answers of the entry point are cached",
        SCRIPT,
        put("exports.default.cache", {"enabled": True}),
    ),
    Violation(
        "worker: asks a stranger's API",
        "cloudflare-workers-api-of-stack",
        "METADATA_API is https://stranger.example/, which is no API of the",
        SCRIPT,
        rebind("METADATA_API", text="https://stranger.example/"),
    ),
    Violation(
        "worker: asks the API by plain http",
        "cloudflare-workers-api-of-stack",
        "METADATA_API is http://api.example/, which is no API of the stack",
        SCRIPT,
        rebind("METADATA_API", text="http://api.example/"),
    ),
    Violation(
        "worker: logs nothing",
        "cloudflare-workers-logs-enabled",
        "head_sampling_rate is 0",
        SCRIPT,
        put("observability.headSamplingRate", 0),
    ),
    Violation(
        "worker: sends logs to another worker",
        "cloudflare-workers-authorization-not-cached",
        "the worker stranger receives its requests",
        SCRIPT,
        put("tailConsumers", [{"service": "stranger"}]),
    ),
    Violation(
        "route: without a script",
        "cloudflare-workers-route-has-worker",
        "packages.artifact-edge.example/* leads to no worker",
        "cloudflare:index/workersRoute:WorkersRoute",
        without("script"),
    ),
    Violation(
        "route: of another worker",
        "cloudflare-workers-route-has-worker",
        "packages.artifact-edge.example/* leads to stranger",
        "cloudflare:index/workersRoute:WorkersRoute",
        put_only("script", "stranger"),
    ),
    Violation(
        "route: a second one without a script",
        "cloudflare-workers-route-has-worker",
        "packages.artifact-edge.example/* leads to no worker",
        "cloudflare:index/workersRoute:WorkersRoute",
        add_resource(
            "cloudflare:index/workersRoute:WorkersRoute", zoneId="x", pattern="packages.artifact-edge.example/*"
        ),
    ),
    Violation(
        "hostname: another origin",
        "cloudflare-zone-hostname-unchanged",
        "customOriginServer is stranger.example",
        "cloudflare:index/customHostname:CustomHostname",
        put("customOriginServer", "stranger.example"),
    ),
    Violation(
        "hostname: weak ciphers",
        "cloudflare-zone-hostname-unchanged",
        "it chooses ciphers",
        "cloudflare:index/customHostname:CustomHostname",
        put("ssl.settings.ciphers", ["AES128-SHA", "DES-CBC3-SHA"]),
    ),
    Violation(
        "fallback origin: elsewhere",
        "cloudflare-dns-proxied-record-has-worker",
        "no route leads artifact-edge-prod.artifact-edge-prod.example/* to a",
        "cloudflare:index/customHostnameFallbackOrigin:CustomHostnameFallbackOrigin",
        put_only("origin", "stranger.example"),
    ),
    Violation(
        "zone: second setting of old TLS",
        "cloudflare-zone-tls-strict",
        "min_tls_version is 1.0",
        ZONE_SETTING,
        also_set("min_tls_version", "1.0"),
    ),
    Violation(
        "zone: weak ciphers",
        "cloudflare-zone-settings-known",
        "it sets ciphers",
        ZONE_SETTING,
        also_set("ciphers", ["DES-CBC3-SHA"]),
    ),
    Violation(
        "zone: development mode",
        "cloudflare-zone-settings-known",
        "it sets development_mode to on",
        ZONE_SETTING,
        also_set("development_mode", "on"),
    ),
    Violation(
        "zone: 0-RTT",
        "cloudflare-zone-settings-known",
        "it sets 0rtt to on",
        ZONE_SETTING,
        also_set("0rtt", "on"),
    ),
    Violation(
        "zone: security off",
        "cloudflare-zone-settings-known",
        "it sets security_level to essentially_off",
        ZONE_SETTING,
        also_set("security_level", "essentially_off"),
    ),
    Violation(
        "kv: a value in the program",
        "stack-resource-types-reviewed",
        "added has the type cloudflare:index/workersKv:WorkersKv, which no",
        ZONE_SETTING,
        add_resource("cloudflare:index/workersKv:WorkersKv", namespaceId="x", keyName="k", value="v"),
    ),
    Violation(
        "kv: an R2 bucket",
        "stack-resource-types-reviewed",
        "added has the type cloudflare:index/r2Bucket:R2Bucket, which no",
        "cloudflare:index/workersKvNamespace:WorkersKvNamespace",
        add_resource("cloudflare:index/r2Bucket:R2Bucket", name="x"),
    ),
]
