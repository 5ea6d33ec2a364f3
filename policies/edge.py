"""The edge worker: secrets bound as secrets, and a certificate of its own towards the shields."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.controls import our_design, well_architected
from policies.rules import each_resource, parts
from policies.secrets import secrets_in

SCRIPT = "cloudflare:index/workersScript:WorkersScript"
_SECRET_NAME = re.compile(r"(^|_)(KEY|SECRET|TOKEN|PASSWORD|CREDENTIALS?)($|_)", re.IGNORECASE)


@each_resource(
    "worker-secrets-bound-as-secrets",
    "A worker gets secrets as secret_text bindings only: others, and its code, can be read back from the API.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=well_architected("SEC02-BP03"),
    fix="Bind it with type secret_text",
)
def secrets_bound_as_secrets(args: ResourceValidationArgs) -> Iterator[str]:
    for binding in parts(args.props, "bindings"):
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
    "worker-authenticates-to-shields",
    "The edge worker shows the shields a client certificate.",
    of={SCRIPT},
    severity=Severity.CRITICAL,
    control=our_design("mutual TLS between edge and shield"),
    fix="Bind a cloudflare.MtlsCertificate with type mtls_certificate",
)
def authenticates_to_shields(args: ResourceValidationArgs) -> Iterator[str]:
    if not any(binding.get("type") == "mtls_certificate" for binding in parts(args.props, "bindings")):
        yield "no mTLS certificate is bound"


def _named_secrets(code: str) -> list[str]:
    """Secrets of a known form. Compiled code is full of runs that only look random."""
    return [found for found in secrets_in(code) if found != "a long random text"]


POLICIES: list[Policy] = [secrets_bound_as_secrets, authenticates_to_shields]
