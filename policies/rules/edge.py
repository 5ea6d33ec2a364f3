"""Policies for the edge worker: it serves every public name and no other, its secrets are bound as secrets, and it
authenticates to the shields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import nist, our_design, well_architected
from policies.framework.declare import Properties, each_resource, given, kind, known, part, parts, setting, whole_stack
from policies.framework.relations import all_of, is_set, settings_of
from policies.framework.secrets import secrets_in

SCRIPT = "cloudflare:index/workersScript:WorkersScript"
ROUTE = "cloudflare:index/workersRoute:WorkersRoute"
_SUBDOMAIN = "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain"
_CUSTOM_DOMAIN = "cloudflare:index/workersCustomDomain:WorkersCustomDomain"
_TLS = {"ssl": {"strict"}, "min_tls_version": {"1.2", "1.3"}, "always_use_https": {"on"}}
_SECRET_NAME = re.compile(r"(^|_)(KEY|SECRET|TOKEN|PASSWORD|CREDENTIALS?)($|_)", re.IGNORECASE)


@each_resource(
    "cloudflare-workers-secrets-bound-as-secret-text",
    "A worker gets secrets as secret_text bindings only: others, and its code, can be read back from the API.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=well_architected("SEC02-BP03"),
    fix="Bind it with type secret_text",
)
def secrets_bound_as_secrets(args: ResourceValidationArgs) -> Iterator[str]:
    for binding in sorted(parts(args.props, "bindings"), key=_waits):
        if binding.get("type") not in ("plain_text", "json"):
            continue
        if _SECRET_NAME.search(str(binding.get("name"))):
            yield f"binding {binding.get('name')} is {binding.get('type')}, but named like a secret"
        else:
            text = str(binding.get("text") or binding.get("json") or "")
            yield from (f"binding {binding.get('name')} seems to hold {found}" for found in secrets_in(text))
    for found in _named_secrets(str(args.props.get("content") or "")):
        yield f"the code seems to hold {found}"


@each_resource(
    "cloudflare-workers-client-certificate-bound",
    "The edge worker shows the shields a client certificate.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=our_design("mutual TLS between edge and shield"),
    fix="Bind a cloudflare.MtlsCertificate with type mtls_certificate",
)
def authenticates_to_shields(args: ResourceValidationArgs) -> Iterator[str]:
    if not any(binding.get("type") == "mtls_certificate" for binding in parts(args.props, "bindings")):
        yield "no mTLS certificate is bound"


@each_resource(
    "cloudflare-workers-hostnames-restricted",
    "The worker runs on the clients' hostname and nowhere else, least of all on workers.dev.",
    of={ROUTE, _SUBDOMAIN, _CUSTOM_DOMAIN},
    severity=Severity.HIGH,
    control=nist("CM-7"),
    fix="Give the route one hostname of `names` with the path /*, and no other door",
    config={"names": {"type": "array", "items": {"type": "string"}, "default": ["packages"]}},
)
def answers_for_its_hostname_only(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == _SUBDOMAIN:
        for name in ("enabled", "previewsEnabled"):
            if args.props.get(name) is True:
                yield f"{name} is true: the worker answers on workers.dev"
        return
    host, _, path = str(args.props.get("pattern") or args.props.get("hostname")).partition("/")
    if host.split(".")[0] not in setting(args, "names", ["packages"]):
        yield f"it answers for {host}"
    if kind(args) == ROUTE and path != "*":
        yield f"it answers for /{path}; the rest of {host} is nobody's"


@whole_stack(
    "cloudflare-dns-proxied-record-has-worker",
    "Every name that the edge network answers for has the worker before it, which lets nobody by unasked.",
    of={"cloudflare:index/dnsRecord:DnsRecord"},
    severity=Severity.CRITICAL,
    control=our_design("authorization comes before any cache look-up"),
    fix="Give the name a cloudflare.WorkersRoute for all of its paths, with a script",
)
def proxied_names_have_a_worker(record: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if record.props.get("proxied") is not True:
        return
    name = record.props.get("name")
    routes = [each for each in all_of(stack, {ROUTE}) if each.props.get("pattern") == f"{name}/*"]
    if not any(is_set(route, "script") for route in routes):
        yield f"no route leads {name}/* to a worker"


@whole_stack(
    "cloudflare-zone-origin-trust-store-set",
    "The edge believes a shield by the stack's own authority: no other could vouch for an impostor.",
    of={"cloudflare:index/zone:Zone"},
    severity=Severity.HIGH,
    control=our_design("mutual TLS between edge and shield"),
    fix="Give the zone a cloudflare.CustomOriginTrustStore with the authority's certificate",
)
def trusts_one_authority(zone: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    token = "cloudflare:index/customOriginTrustStore:CustomOriginTrustStore"  # noqa: S105  a type token
    if not settings_of(zone, token, stack, "zoneId", ("id", "zoneId")):
        yield "no trust store belongs to the zone"


@whole_stack(
    "cloudflare-zone-tls-strict",
    "The edge holds shields to their certificates, and clients to TLS 1.2 or later.",
    of={"cloudflare:index/zone:Zone"},
    severity=Severity.CRITICAL,
    control=our_design("mutual TLS between edge and shield"),
    fix='Give the zone a cloudflare.ZoneSetting for each: ssl "strict", min_tls_version "1.2", always_use_https "on"',
)
def verifies_shields(zone: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    token = "cloudflare:index/zoneSetting:ZoneSetting"  # noqa: S105  a type token
    found = settings_of(zone, token, stack, "zoneId", ("id", "zoneId"))
    values = {str(each.props.get("settingId")): str(each.props.get("value")) for each in found}
    for name, accepted in _TLS.items():
        if values.get(name) not in accepted:
            yield f"{name} is {values.get(name, 'not set')}"


@each_resource(
    "cloudflare-workers-logs-enabled",
    "What the worker does and fails to do is logged.",
    of={SCRIPT},
    severity=Severity.MEDIUM,
    control=well_architected("SEC04-BP01"),
    fix='Set observability to {"enabled": true}',
)
def logs(args: ResourceValidationArgs) -> Iterator[str]:
    if part(args.props, "observability").get("enabled") is not True:
        yield "observability is not enabled"


def _waits(binding: Properties) -> bool:
    """Returns whether the bound value is not known yet. Such bindings are checked last, because an unknown value ends
    the rule."""
    return given(binding, "text") and known(binding, "text") is None


def _named_secrets(code: str) -> list[str]:
    """Returns the secrets of a known format in the code. Long random texts do not count, because compiled code has many
    that only look random."""
    return [found for found in secrets_in(code) if found != "a long random text"]


POLICIES: list[Policy] = [
    secrets_bound_as_secrets,
    authenticates_to_shields,
    answers_for_its_hostname_only,
    proxied_names_have_a_worker,
    trusts_one_authority,
    verifies_shields,
    logs,
]
