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
        "Cloudflare zone: a ruleset changes what Cloudflare caches",
        "cloudflare-rulesets-of-waf-only",
        "it has rules in http_request_cache_settings",
        "cloudflare:index/ruleset:Ruleset",
        add_resource("cloudflare:index/ruleset:Ruleset", zoneId="x", phase="http_request_cache_settings"),
    ),
    Violation(
        "worker: the plain-text binding APIKEY holds a short secret",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding APIKEY is plain_text, but named like a secret",
        SCRIPT,
        also_bind(type="plain_text", name="APIKEY", text="hunter2"),
    ),
    Violation(
        "worker: the plain-text binding PASSPHRASE holds a secret",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding PASSPHRASE is plain_text, but named like a secret",
        SCRIPT,
        also_bind(type="plain_text", name="PASSPHRASE", text="hunter2"),
    ),
    Violation(
        "worker: a plain-text binding holds a URL with a password",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding UPSTREAM seems to hold a URL with a password",
        SCRIPT,
        also_bind(type="plain_text", name="UPSTREAM", text="https://u:hunter2@host.example/"),
    ),
    Violation(
        "worker: a JSON binding holds a token",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding SETTINGS has a value with the name token",
        SCRIPT,
        also_bind(type="json", name="SETTINGS", json='{"token": "hunter2"}'),
    ),
    Violation(
        "worker: the signing key of tokens is a plain-text binding",
        "cloudflare-workers-secrets-bound-as-secret-text",
        "binding TOKEN_SIGNING_KEY is plain_text, but named like a secret",
        SCRIPT,
        rebind("TOKEN_SIGNING_KEY", type="plain_text"),
    ),
    Violation(
        "worker: Cloudflare caches responses of the entrypoint that authorizes requests",
        "cloudflare-workers-authorization-not-cached",
        "answers of the entry point are cached",
        SCRIPT,
        put("exports.default.cache", {"enabled": True}),
    ),
    Violation(
        "worker: it sends look-ups of tokens to an API outside the stack",
        "cloudflare-workers-api-of-stack",
        "METADATA_API is https://stranger.example/, which is no API of the",
        SCRIPT,
        rebind("METADATA_API", text="https://stranger.example/"),
    ),
    Violation(
        "worker: it sends look-ups of tokens over plain HTTP",
        "cloudflare-workers-api-of-stack",
        "METADATA_API is http://api.example/, which is no API of the stack",
        SCRIPT,
        rebind("METADATA_API", text="http://api.example/"),
    ),
    Violation(
        "worker: it logs no requests",
        "cloudflare-workers-logs-enabled",
        "head_sampling_rate is 0",
        SCRIPT,
        put("observability.headSamplingRate", 0),
    ),
    Violation(
        "worker: it sends its logs to another worker",
        "cloudflare-workers-authorization-not-cached",
        "the worker stranger receives its requests",
        SCRIPT,
        put("tailConsumers", [{"service": "stranger"}]),
    ),
    Violation(
        "worker's route: it names no worker",
        "cloudflare-workers-route-has-worker",
        "packages.artifact-edge.example/* leads to no worker",
        "cloudflare:index/workersRoute:WorkersRoute",
        without("script"),
    ),
    Violation(
        "worker's route: it names another worker",
        "cloudflare-workers-route-has-worker",
        "packages.artifact-edge.example/* leads to stranger",
        "cloudflare:index/workersRoute:WorkersRoute",
        put_only("script", "stranger"),
    ),
    Violation(
        "worker's route: a second route for the hostname names no worker",
        "cloudflare-workers-route-has-worker",
        "packages.artifact-edge.example/* leads to no worker",
        "cloudflare:index/workersRoute:WorkersRoute",
        add_resource(
            "cloudflare:index/workersRoute:WorkersRoute", zoneId="x", pattern="packages.artifact-edge.example/*"
        ),
    ),
    Violation(
        "custom hostname: its requests go to another origin",
        "cloudflare-zone-hostname-unchanged",
        "customOriginServer is stranger.example",
        "cloudflare:index/customHostname:CustomHostname",
        put("customOriginServer", "stranger.example"),
    ),
    Violation(
        "custom hostname: it allows weak ciphers",
        "cloudflare-zone-hostname-unchanged",
        "it chooses ciphers",
        "cloudflare:index/customHostname:CustomHostname",
        put("ssl.settings.ciphers", ["AES128-SHA", "DES-CBC3-SHA"]),
    ),
    Violation(
        "fallback origin: it is a host outside the stack",
        "cloudflare-dns-proxied-record-has-worker",
        "no route leads artifact-edge-prod.artifact-edge-prod.example/* to a",
        "cloudflare:index/customHostnameFallbackOrigin:CustomHostnameFallbackOrigin",
        put_only("origin", "stranger.example"),
    ),
    Violation(
        "Cloudflare zone: a second setting allows TLS 1.0",
        "cloudflare-zone-tls-strict",
        "min_tls_version is 1.0",
        ZONE_SETTING,
        also_set("min_tls_version", "1.0"),
    ),
    Violation(
        "Cloudflare zone: it allows weak ciphers",
        "cloudflare-zone-settings-known",
        "it sets ciphers",
        ZONE_SETTING,
        also_set("ciphers", ["DES-CBC3-SHA"]),
    ),
    Violation(
        "Cloudflare zone: the development mode is on",
        "cloudflare-zone-settings-known",
        "it sets development_mode to on",
        ZONE_SETTING,
        also_set("development_mode", "on"),
    ),
    Violation(
        "Cloudflare zone: it allows early data of TLS 1.3 (0-RTT)",
        "cloudflare-zone-settings-known",
        "it sets 0rtt to on",
        ZONE_SETTING,
        also_set("0rtt", "on"),
    ),
    Violation(
        "Cloudflare zone: its security level is essentially_off",
        "cloudflare-zone-settings-known",
        "it sets security_level to essentially_off",
        ZONE_SETTING,
        also_set("security_level", "essentially_off"),
    ),
    Violation(
        "Workers KV: the Pulumi program writes a value",
        "stack-resource-types-reviewed",
        "added has the type cloudflare:index/workersKv:WorkersKv, which no",
        ZONE_SETTING,
        add_resource("cloudflare:index/workersKv:WorkersKv", namespaceId="x", keyName="k", value="v"),
    ),
    Violation(
        "an R2 bucket is added, which is a type that nobody has reviewed",
        "stack-resource-types-reviewed",
        "added has the type cloudflare:index/r2Bucket:R2Bucket, which no",
        "cloudflare:index/workersKvNamespace:WorkersKvNamespace",
        add_resource("cloudflare:index/r2Bucket:R2Bucket", name="x"),
    ),
]
