"""Policies for what the edge worker needs: its routes, its cache, its metadata API, and the settings of its zone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import nist, our_design
from policies.framework.declare import each_resource, known, part, parts, setting, texts, whole_stack
from policies.framework.kinds import all_of
from policies.framework.relations import refers_to
from policies.rules.edge import CUSTOM_HOSTNAME, ROUTE, SCRIPT
from policies.rules.functions import FUNCTION_URL, SERVICE

_ZONE_SETTING = "cloudflare:index/zoneSetting:ZoneSetting"
_SETTINGS = ["always_use_https", "min_tls_version", "ssl"]
_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_AUTHORIZED = our_design("authorization comes before any cache look-up")


@each_resource(
    "cloudflare-workers-authorization-not-cached",
    "Cloudflare caches no answers of the worker's entry point, which authorizes each request.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=_AUTHORIZED,
    fix="Set cache.enabled of the export `default` to false, and leave tail_consumers, assets and destinations out",
)
def authorization_not_cached(args: ResourceValidationArgs) -> Iterator[str]:
    entry = part(part(args.props, "exports"), "default")
    if part(entry, "cache").get("enabled") is True:
        yield "answers of the entry point are cached"
    for consumer in parts(args.props, "tailConsumers"):
        yield f"the worker {consumer.get('service')} receives its requests"
    for name in ("logs", "traces"):
        for destination in texts(part(part(args.props, "observability"), name).get("destinations")):
            yield f"{destination} receives its {name}"
    # By default, Cloudflare answers a request for the path of an asset itself (Workers, "Static Assets").
    if args.props.get("assets") and part(part(args.props, "assets"), "config").get("runWorkerFirst") is not True:
        yield "Cloudflare serves its assets without the worker"


@whole_stack(
    "cloudflare-workers-api-of-stack",
    "The worker asks the stack's own metadata API about tokens and grants.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=_AUTHORIZED,
    fix="Bind the URL of the stack's aws.lambda.FunctionUrl or gcp.cloudrunv2.Service as METADATA_API",
)
def api_of_stack(script: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    own = {str(known(each.props, "functionUrl")) for each in all_of(stack, {FUNCTION_URL})}
    own |= {str(known(each.props, "uri")) for each in all_of(stack, {SERVICE})}
    own = {each.rstrip("/") for each in own}
    for binding in parts(script.props, "bindings"):
        if binding.get("name") == "METADATA_API" and str(binding.get("text")).rstrip("/") not in own:
            yield f"METADATA_API is {binding.get('text')}, which is no API of the stack"


@whole_stack(
    "cloudflare-workers-route-has-worker",
    "Every route leads to the stack's worker. Cloudflare answers without a worker where a route names none.",
    of={ROUTE},
    severity=Severity.CRITICAL,
    control=_AUTHORIZED,
    fix="Name the script_name of the stack's cloudflare.WorkersScript as script",
)
def route_has_worker(route: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    scripts = list(all_of(stack, {SCRIPT}))
    if not any(refers_to(route, "script", script, ("scriptName", "id")) for script in scripts):
        yield f"{route.props.get('pattern')} leads to {route.props.get('script') or 'no worker'}"


@each_resource(
    "cloudflare-zone-hostname-unchanged",
    "The clients' hostname has no origin and no ciphers of its own.",
    of={CUSTOM_HOSTNAME},
    severity=Severity.HIGH,
    control=_AUTHORIZED,
    fix="Leave custom_origin_server, custom_origin_sni and ssl.settings.ciphers out",
)
def hostname_unchanged(args: ResourceValidationArgs) -> Iterator[str]:
    for name in ("customOriginServer", "customOriginSni"):
        if args.props.get(name):
            yield f"{name} is {args.props.get(name)}"
    if part(part(args.props, "ssl"), "settings").get("ciphers"):
        yield "it chooses ciphers"


@each_resource(
    "cloudflare-zone-settings-known",
    "The program changes only settings of the zone that this pack has reviewed.",
    of={_ZONE_SETTING},
    severity=Severity.HIGH,
    control=nist("CM-7"),
    fix="Leave the setting out. A reviewed one belongs in the policy's setting `settings`",
    config={"settings": {**_STRINGS, "default": _SETTINGS}},
)
def settings_known(args: ResourceValidationArgs) -> Iterator[str]:
    name = args.props.get("settingId")
    if name not in setting(args, "settings", _SETTINGS):
        yield f"it sets {name} to {args.props.get('value')}"


POLICIES: list[Policy] = [
    authorization_not_cached,
    api_of_stack,
    route_has_worker,
    hostname_unchanged,
    settings_known,
]
