"""Policies for DNS. The names that clients resolve must have health checks. With health checks, DNS answers do not
contain a failed region.
"""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import nist, well_architected
from policies.framework.declare import each_resource, given, parts, setting

RECORD = "aws:route53/record:Record"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"
_ASKING = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH")
_ROUTED = (
    "failoverRoutingPolicies",
    "geolocationRoutingPolicies",
    "geoproximityRoutingPolicy",
    "latencyRoutingPolicies",
    "weightedRoutingPolicies",
    "multivalueAnswerRoutingPolicy",
)


@each_resource(
    "aws-route53-record-health-checked",
    "Records that choose among locations, and records that clients resolve, have a health check.",
    of={RECORD},
    severity=Severity.HIGH,
    control=well_architected("REL11-BP02"),
    fix="Give the record a health_check_id, or evaluate_target_health of its alias",
    config={"names": {"type": "array", "items": {"type": "string"}, "default": ["packages"]}},
)
def record_health_checked(args: ResourceValidationArgs) -> Iterator[str]:
    name = args.props.get("name")
    routed = any(args.props.get(policy) for policy in _ROUTED)
    clients = args.props.get("type") in ("A", "AAAA", "CNAME") and str(name).split(".")[0] in setting(
        args, "names", ["packages"]
    )
    if (routed or clients) and not given(args.props, "healthCheckId"):
        aliases = list(parts(args.props, "aliases"))
        if not aliases or not all(alias.get("evaluateTargetHealth") is True for alias in aliases):
            yield f"{name} has no health check, so DNS also returns failed targets"


@each_resource(
    "aws-route53-record-ttl-short",
    "Resolvers keep records for a short time, so that clients soon leave a failed location.",
    of={RECORD},
    severity=Severity.MEDIUM,
    control=well_architected("REL11-BP02"),
    fix="Lower the record's ttl",
    config={"seconds": {"type": "integer", "minimum": 1, "default": 60}},
)
def record_ttl_short(args: ResourceValidationArgs) -> Iterator[str]:
    most = int(setting(args, "seconds", 60))
    ttl = args.props.get("ttl")
    if args.props.get("type") in ("A", "AAAA", "CNAME") and ttl is not None and int(ttl) > most:
        yield f"resolvers keep {args.props.get('name')} for {int(ttl)} s, not {most} or less"


@each_resource(
    "aws-route53-health-check-effective",
    "A health check sends requests to the service itself, and finds a failed location within a minute.",
    of={HEALTH_CHECK},
    severity=Severity.MEDIUM,
    control=well_architected("REL11-BP01"),
    fix="Use type HTTP or HTTPS with a resource_path, request_interval 10 and failure_threshold 3 or less",
    config={"seconds": {"type": "integer", "minimum": 10, "default": 30}},
)
def health_check_effective(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    if props.get("disabled") is True or props.get("invertHealthcheck") is True:
        yield "it is disabled or inverted, so a failed target counts as healthy"
    if props.get("insufficientDataHealthStatus") == "Healthy":
        yield "it is healthy without data"
    if props.get("type") == "CALCULATED":
        if not int(props.get("childHealthThreshold") or 0):
            yield "it is healthy without a healthy child"
        return
    if props.get("type") in ("CLOUDWATCH_METRIC", "RECOVERY_CONTROL"):
        return
    if props.get("type") not in _ASKING or not props.get("resourcePath"):
        yield f"{props.get('type')} without a path only checks that the port accepts connections"
    seconds = int(props.get("requestInterval") or 30) * int(props.get("failureThreshold") or 3)
    if seconds > int(setting(args, "seconds", 30)):
        yield f"it takes {seconds} s to detect a failure"


@each_resource(
    "aws-route53-record-not-delegated",
    "The zone answers for all of its names. Whoever gets a delegated name gets public certificates for it too.",
    of={RECORD},
    severity=Severity.CRITICAL,
    control=nist("SC-20"),
    fix="Remove the record, or add its name to the setting names",
    config={"names": {"type": "array", "items": {"type": "string"}, "default": []}},
)
def record_not_delegated(args: ResourceValidationArgs) -> Iterator[str]:
    if args.props.get("type") not in ("NS", "DS"):
        return
    name = str(args.props.get("name")).removesuffix(".")
    if name not in setting(args, "names", []):
        yield f"{name} is delegated to other name servers"


POLICIES: list[Policy] = [record_health_checked, record_ttl_short, health_check_effective, record_not_delegated]
