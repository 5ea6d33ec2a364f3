"""Names: what clients resolve is checked for health, so that a dead place is left."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.controls import well_architected
from policies.rules import each_resource, given, parts, setting

RECORD = "aws:route53/record:Record"
_ROUTED = (
    "failoverRoutingPolicies",
    "geolocationRoutingPolicies",
    "latencyRoutingPolicies",
    "weightedRoutingPolicies",
    "multivalueAnswerRoutingPolicy",
)


@each_resource(
    "client-records-checked",
    "Records that choose among places, and those that clients resolve, are left out when unhealthy.",
    of={RECORD},
    severity=Severity.HIGH,
    control=well_architected("REL11-BP02"),
    fix="Give the record a health_check_id, or evaluate_target_health of its alias",
    config={"names": {"type": "array", "items": {"type": "string"}, "default": ["packages"]}},
)
def checked(args: ResourceValidationArgs) -> Iterator[str]:
    name = args.props.get("name")
    routed = any(args.props.get(policy) for policy in _ROUTED)
    clients = args.props.get("type") in ("A", "AAAA", "CNAME") and str(name).split(".")[0] in setting(
        args, "names", ["packages"]
    )
    if (routed or clients) and not given(args.props, "healthCheckId"):
        aliases = list(parts(args.props, "aliases"))
        if not aliases or not all(alias.get("evaluateTargetHealth") is True for alias in aliases):
            yield f"{name} is answered whether what it leads to is healthy or not"


POLICIES: list[Policy] = [checked]
