"""Test cases for the policies on the worker's routes, cache, metadata API and zone."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import SCRIPT, Case
from tests.policies.resources import resource

ROUTE = "cloudflare:index/workersRoute:WorkersRoute"
HOSTNAME = "cloudflare:index/customHostname:CustomHostname"
SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
URL = "aws:lambda/functionUrl:FunctionUrl"
CACHE, API = "cloudflare-workers-authorization-not-cached", "cloudflare-workers-api-of-stack"
LEADS, UNCHANGED, KNOWN = (
    "cloudflare-workers-route-has-worker",
    "cloudflare-zone-hostname-unchanged",
    "cloudflare-zone-settings-known",
)


def exporting(cached: bool) -> PolicyResource:
    return resource(SCRIPT, {"exports": {"default": {"cache": {"enabled": cached}}}})


def asking(url: str) -> PolicyResource:
    return resource(SCRIPT, {"bindings": [{"name": "METADATA_API", "type": "plain_text", "text": url}]})


def route(**props: Any) -> PolicyResource:
    return resource(ROUTE, {"pattern": "packages.example/*", **props})


OWN_URL = resource(URL, {"functionUrl": "https://api.example/"})
WORKER = resource(SCRIPT, {"scriptName": "edge"})

CASES = [
    Case(CACHE, [exporting(True)], "answers of the entry point are cached"),
    Case(CACHE, [resource(SCRIPT, {"tailConsumers": [{"service": "other"}]})], "the worker other receives"),
    *[
        Case(
            CACHE,
            [resource(SCRIPT, {"observability": {name: {"destinations": ["other"]}}})],
            f"other receives its {name}",
        )
        for name in ("logs", "traces")
    ],
    Case(CACHE, [resource(SCRIPT, {"assets": {"directory": "dist"}})], "without the worker"),
    Case(CACHE, [exporting(False), resource(SCRIPT, {})]),
    Case(CACHE, [resource(SCRIPT, {"assets": {"directory": "dist", "config": {"runWorkerFirst": True}}})]),
    Case(API, [OWN_URL, asking("https://other.example/")], "METADATA_API is https://other.example/"),
    Case(API, [OWN_URL, asking("http://api.example/")], "METADATA_API is http://api.example/"),
    Case(API, [OWN_URL, asking("https://api.example"), resource(SCRIPT, {})]),
    Case(LEADS, [WORKER, route(script="other")], "packages.example/* leads to other"),
    Case(LEADS, [WORKER, route()], "packages.example/* leads to no worker"),
    Case(LEADS, [WORKER, route(script="edge")]),
    Case(UNCHANGED, [resource(HOSTNAME, {"customOriginServer": "a.example"})], "customOriginServer is a.example"),
    Case(UNCHANGED, [resource(HOSTNAME, {"ssl": {"settings": {"ciphers": ["AES128-SHA"]}}})], "it chooses ciphers"),
    Case(UNCHANGED, [resource(HOSTNAME, {"ssl": {"settings": {"minTlsVersion": "1.2"}}})]),
    Case(KNOWN, [resource(SETTING, {"settingId": "0rtt", "value": "on"})], "it sets 0rtt to on"),
    Case(KNOWN, [resource(SETTING, {"settingId": "ssl", "value": "strict"})]),
    Case(KNOWN, [resource(SETTING, {"settingId": "0rtt", "value": "off"})], config={"settings": ["0rtt"]}),
]
