"""Policies for the edge worker: it serves every hostname that clients connect to and no other hostname, its secrets are
in secret bindings, and it authenticates to the shields (regional caches).
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import date

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs
from pulumi_policy.proxy import UnknownValueError

from contract.shields import HEALTH_PATH
from policies.framework.controls import nist, our_design, well_architected
from policies.framework.declare import Properties, each_resource, given, known, part, parts, setting, texts, whole_stack
from policies.framework.kinds import all_of, kind
from policies.framework.relations import is_set
from policies.framework.secrets import secrets_in
from policies.rules.functions import FUNCTION, SERVICE, environment_of

SCRIPT = "cloudflare:index/workersScript:WorkersScript"
ROUTE = "cloudflare:index/workersRoute:WorkersRoute"
_FALLBACK_ORIGIN = "cloudflare:index/customHostnameFallbackOrigin:CustomHostnameFallbackOrigin"
DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
CUSTOM_HOSTNAME = "cloudflare:index/customHostname:CustomHostname"
_SUBDOMAIN = "cloudflare:index/workersScriptSubdomain:WorkersScriptSubdomain"
_CUSTOM_DOMAIN = "cloudflare:index/workersCustomDomain:WorkersCustomDomain"
_KV_NAMESPACE = "kv_namespace"
_TLS = {"ssl": {"strict"}, "min_tls_version": {"1.2", "1.3"}, "always_use_https": {"on"}}
_SECRET_NAME = re.compile(
    r"(^|_)(KEY|SECRET|TOKEN|PASSWORD|PASSWD|PWD|PASSPHRASE|APIKEY|CREDENTIALS?)($|_)", re.IGNORECASE
)
_JSON_NAME = re.compile(r'"([^"]+)"\s*:')


@each_resource(
    "cloudflare-workers-secrets-bound-as-secret-text",
    "Secrets reach a worker in secret_text bindings only. Cloudflare's API shows other bindings, and the code.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=well_architected("SEC02-BP03"),
    fix="Bind it with type secret_text",
)
def secrets_bound_as_secret_text(args: ResourceValidationArgs) -> Iterator[str]:
    for binding in sorted(parts(args.props, "bindings"), key=_is_unknown):
        if binding.get("type") not in ("plain_text", "json"):
            continue
        if _SECRET_NAME.search(str(binding.get("name"))):
            yield f"binding {binding.get('name')} is {binding.get('type')}, but named like a secret"
        else:
            text = str(binding.get("text") or binding.get("json") or "")
            yield from (f"binding {binding.get('name')} seems to hold {found}" for found in secrets_in(text))
            for name in _JSON_NAME.findall(text) if binding.get("type") == "json" else []:
                if _SECRET_NAME.search(name):
                    yield f"binding {binding.get('name')} has a value with the name {name}"
    for found in _recognized_secrets(str(args.props.get("content") or "")):
        yield f"the code seems to hold {found}"
    modules = part(args.props, "files")
    for name in modules:
        packed = str(part(modules, name).get("contentBase64") or "")
        for found in _recognized_secrets(b64decode(packed).decode(errors="replace")):
            yield f"the module {name} seems to hold {found}"
    for each in (args.props, *(part(modules, name) for name in modules)):
        if path := each.get("contentFile"):
            yield f"nobody searches the file {path} for secrets; give content or contentBase64 instead of contentFile"


@each_resource(
    "cloudflare-workers-client-certificate-bound",
    "The edge worker authenticates to the shields with a client certificate.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=our_design("mutual TLS between edge and shield"),
    fix="Bind a cloudflare.MtlsCertificate with type mtls_certificate",
)
def client_certificate_bound(args: ResourceValidationArgs) -> Iterator[str]:
    if not any(binding.get("type") == "mtls_certificate" for binding in parts(args.props, "bindings")):
        yield "no mTLS certificate is bound"


@each_resource(
    "cloudflare-workers-hostnames-restricted",
    "The worker runs on the clients' hostname only, and not on workers.dev. Other names lead to its health check only.",
    of={ROUTE, _SUBDOMAIN, _CUSTOM_DOMAIN},
    severity=Severity.HIGH,
    control=nist("CM-7"),
    fix="Give the route one hostname of `names` with the path /*, and create no other route",
    config={"names": {"type": "array", "items": {"type": "string"}, "default": ["packages"]}},
)
def hostnames_restricted(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == _SUBDOMAIN:
        for name in ("enabled", "previewsEnabled"):
            if args.props.get(name) is True:
                yield f"{name} is true: the worker answers on workers.dev"
        return
    host, _, path = str(args.props.get("pattern") or args.props.get("hostname")).partition("/")
    if kind(args) == ROUTE and f"/{path}" == HEALTH_PATH and host.split(".")[0] not in setting(args, "names", []):
        return
    if host.split(".")[0] not in setting(args, "names", ["packages"]):
        yield f"it answers for {host}"
    if kind(args) == ROUTE and path != "*":
        yield f"it answers for /{path} only, so nothing answers for other paths of {host}"


@whole_stack(
    "cloudflare-dns-proxied-record-has-worker",
    "Every proxied hostname has a route to the worker, which authorizes each request.",
    of={DNS_RECORD},
    severity=Severity.CRITICAL,
    control=our_design("authorization comes before any cache look-up"),
    fix="Give the name a cloudflare.WorkersRoute for all of its paths, with a script",
)
def proxied_record_has_worker(record: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if record.props.get("proxied") is not True:
        return
    name = str(record.props.get("name"))
    if name in fallback_origins(stack):
        # The DNS record of the fallback origin needs no worker route of its own, because Cloudflare sends the fallback
        # origin only requests for custom hostnames. Another policy checks that custom hostnames have routes.
        return
    routes = [each for each in all_of(stack, {ROUTE}) if each.props.get("pattern") == f"{name}/*"]
    if not any(is_set(route, "script") for route in routes):
        yield f"no route leads {name}/* to a worker"


@whole_stack(
    "cloudflare-zone-tls-strict",
    "The edge verifies the certificates of shields, and requires TLS 1.2 or later of clients.",
    of={CUSTOM_HOSTNAME},
    severity=Severity.CRITICAL,
    control=our_design("mutual TLS between edge and shield"),
    fix='Give the zone a cloudflare.ZoneSetting for each: ssl "strict", min_tls_version "1.2", always_use_https "on"; '
    'and the custom hostname ssl.settings.min_tls_version "1.2"',
)
def zone_tls_strict(hostname: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    oldest = part(part(hostname.props, "ssl"), "settings").get("minTlsVersion")
    if oldest not in _TLS["min_tls_version"]:
        yield f"minTlsVersion of the hostname's certificate is {oldest or 'not set'}"
    found = in_zone_of(hostname, "cloudflare:index/zoneSetting:ZoneSetting", stack)
    values = {str(each.props.get("settingId")): str(each.props.get("value")) for each in found}
    for name, accepted in _TLS.items():
        if values.get(name) not in accepted:
            yield f"{name} is {values.get(name, 'not set')}"


@each_resource(
    "cloudflare-workers-compatibility-date-current",
    "The worker runs with a recent compatibility date. An old one brings back corrected errors.",
    of={SCRIPT},
    severity=Severity.MEDIUM,
    control=nist("SI-2"),
    fix="Set compatibility_date to the date of the last test of the worker, no earlier than the setting `earliest`",
    config={"earliest": {"type": "string", "default": "2026-01-01"}},
)
def compatibility_date_current(args: ResourceValidationArgs) -> Iterator[str]:
    found = str(args.props.get("compatibilityDate") or "")
    earliest = str(setting(args, "earliest", "2026-01-01"))
    if not found:
        yield "it has no compatibility date"
    elif not _is_date(found):
        yield f"the compatibility date {found} is no date"
    elif found < earliest:
        yield f"the compatibility date {found} is before {earliest}"


@each_resource(
    "cloudflare-workers-compatibility-flags-reviewed",
    "The worker has no compatibility flag that nobody has reviewed. A flag can bring back a corrected error.",
    of={SCRIPT},
    severity=Severity.MEDIUM,
    control=nist("SI-2"),
    fix="Leave the flag out of compatibility_flags, or add it to the setting `flags` after a review",
    config={"flags": {"type": "array", "items": {"type": "string"}, "default": []}},
)
def compatibility_flags_reviewed(args: ResourceValidationArgs) -> Iterator[str]:
    reviewed = texts(setting(args, "flags", []))
    for flag in texts(args.props.get("compatibilityFlags")):
        if flag not in reviewed:
            yield f"the compatibility flag {flag} is not reviewed"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@whole_stack(
    "cloudflare-workers-revocations-bound",
    "The worker reads tokens and grants from the store that revocations are written to.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=our_design("revocation is visible in seconds"),
    fix="Bind the stack's cloudflare.WorkersKvNamespace with type kv_namespace, under the names in the setting `names`",
    config={"names": {"type": "array", "items": {"type": "string"}, "default": ["ENTITLEMENTS"]}},
)
def revocations_bound(script: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    bound = {known(each, "name"): each for each in parts(script.props, "bindings")}
    written = set(_written_namespaces(stack))
    for name in setting(stack, "names", ["ENTITLEMENTS"]):
        binding = bound.get(name)
        if binding is None or binding.get("type") != _KV_NAMESPACE:
            yield f"no KV namespace is bound as {name}"
            continue
        namespace = known(binding, "namespaceId")
        if namespace and written and namespace not in written:
            yield f"{name} is the namespace {namespace}, which no function of the stack writes to"


def _written_namespaces(stack: StackValidationArgs) -> Iterator[str]:
    """Yields the id of each Workers KV namespace that the stack's functions and services write to. Leaves out ids that
    are not known yet.
    """
    for function in all_of(stack, {FUNCTION, SERVICE}):
        try:
            variables = environment_of(function)
        except UnknownValueError:
            continue
        if namespace := known(variables, "NAMESPACE_ID"):
            yield str(namespace)


@each_resource(
    "cloudflare-workers-logs-enabled",
    "The worker's logs are enabled.",
    of={SCRIPT},
    severity=Severity.MEDIUM,
    control=well_architected("SEC04-BP01"),
    fix='Set observability to {"enabled": true}, and leave its logs out',
)
def logs_enabled(args: ResourceValidationArgs) -> Iterator[str]:
    observability = part(args.props, "observability")
    logs = part(observability, "logs")
    if observability.get("enabled") is not True or logs.get("enabled") is False:
        yield "observability is not enabled"
    elif 0 in (observability.get("headSamplingRate"), logs.get("headSamplingRate")):
        yield "head_sampling_rate is 0"
    for name in ("invocationLogs", "persist"):
        if logs.get(name) is False:
            yield f"{name} is false"


def fallback_origins(stack: StackValidationArgs) -> Iterator[str]:
    """Returns the host names to which Cloudflare sends requests for custom hostnames."""
    return (str(each.props.get("origin")) for each in all_of(stack, {_FALLBACK_ORIGIN}))


def in_zone_of(hostname: PolicyResource, token: str, stack: StackValidationArgs) -> list[PolicyResource]:
    """Returns the resources in a custom hostname's Cloudflare zone. `token` is the Pulumi type of these resources."""
    return [each for each in all_of(stack, {token}) if each.props.get("zoneId") == hostname.props.get("zoneId")]


def _is_unknown(binding: Properties) -> bool:
    """Returns whether the value of an edge worker's binding is not known yet. The policy that looks for secrets in
    bindings stops at the first unknown value, so it uses this function to check the unknown bindings last.
    """
    return given(binding, "text") and known(binding, "text") is None


def _recognized_secrets(code: str) -> list[str]:
    """Returns the kinds of secrets that the edge worker's code contains, such as npm tokens. Ignores long random
    strings without a known format, because compiled code contains many harmless strings that look random.
    """
    return [found for found in secrets_in(code) if found != "a long random text"]


POLICIES: list[Policy] = [
    secrets_bound_as_secret_text,
    client_certificate_bound,
    hostnames_restricted,
    proxied_record_has_worker,
    zone_tls_strict,
    compatibility_date_current,
    compatibility_flags_reviewed,
    revocations_bound,
    logs_enabled,
]
