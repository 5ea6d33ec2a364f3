"""Test cases for the policies on DNS records and health checks."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import RECORD, Case
from tests.policies.resources import resource

CHECK = "aws:route53/healthCheck:HealthCheck"


def health_check(**changes: Any) -> PolicyResource:
    props = {"type": "HTTP", "resourcePath": "/healthz", "requestInterval": 10, "failureThreshold": 3, **changes}
    return resource("aws:route53/healthCheck:HealthCheck", props)


OF_CLIENTS = resource(RECORD, {"name": "packages.x.io"})


def clients_check(**changes: Any) -> PolicyResource:
    """Returns a health check of the hostname that clients connect to. The policies accept this health check. `changes`
    overrides inputs of the health check.
    """
    return resource(CHECK, {"fqdn": "packages.x.io", "type": "HTTPS", "enableSni": True, **changes})


CASES = [
    Case(
        "aws-route53-record-health-checked", [resource(RECORD, {"name": "packages.x.io", "type": "A"})], "packages.x.io"
    ),
    Case(
        "aws-route53-record-health-checked",
        [resource(RECORD, {"name": "shield.x.io", "type": "A", "latencyRoutingPolicies": [{"region": "us-east-1"}]})],
        "shield.x.io",
    ),
    *[
        Case(
            "aws-route53-record-health-checked",
            [resource(RECORD, {"name": "pops.x.io", "type": "A", **policy})],
            "pops",
        )
        for policy in (
            {"geolocationRoutingPolicies": [{"continent": "EU"}]},
            {"geoproximityRoutingPolicy": {"awsRegion": "eu-west-1", "bias": 0}},
        )
    ],
    Case(
        "aws-route53-record-health-checked",
        [
            resource(RECORD, {"name": "packages.x.io", "type": "A", "healthCheckId": UNKNOWN_STRING_VALUE}),
            resource(RECORD, {"name": "packages.x.io", "type": "A", "aliases": [{"evaluateTargetHealth": True}]}),
            resource(RECORD, {"name": "us-east-1-0.shield.x.io", "type": "A"}),
        ],
    ),
    Case(
        "aws-route53-record-ttl-short",
        [resource(RECORD, {"name": "packages.x.io", "type": "A", "ttl": 300})],
        "resolvers keep packages.x.io for 300 s, not 60 or less",
    ),
    Case(
        "aws-route53-record-ttl-short", [resource(RECORD, {"name": "x", "type": "A", "ttl": 60})], "30", {"seconds": 30}
    ),
    Case(
        "aws-route53-record-ttl-short",
        [
            resource(RECORD, {"name": "packages.x.io", "type": "A", "ttl": 60}),
            resource(RECORD, {"name": "packages.x.io", "type": "A", "aliases": [{}]}),
            resource(RECORD, {"name": "x.io", "type": "CAA", "ttl": 3600}),
        ],
    ),
    *[
        Case("aws-route53-health-check-effective", [health_check(**changes)], says)
        for changes, says in (
            ({"type": "TCP"}, "TCP without a path"),
            ({"resourcePath": ""}, "HTTP without a path"),
            ({"requestInterval": 30}, "it takes 90 s to detect a failure"),
            ({"failureThreshold": 4}, "it takes 40 s to detect a failure"),
            ({"disabled": True}, "it is disabled or inverted, so a failed target counts as healthy"),
            ({"invertHealthcheck": True}, "it is disabled or inverted, so a failed target counts as healthy"),
            ({"type": "CALCULATED", "childHealthThreshold": 0}, "healthy without a healthy child"),
        )
    ],
    Case(
        "aws-route53-health-check-effective",
        [health_check(), health_check(type="HTTPS"), health_check(type="CALCULATED", childHealthThreshold=1)],
    ),
    *[
        Case("aws-route53-health-check-as-clients-connect", [OF_CLIENTS, clients_check(**changed)], says)
        for changed, says in (
            ({"type": "HTTP"}, "is not checked over TLS"),
            ({"type": "HTTPS_STR_MATCH"}, "is not checked over TLS"),
            ({"enableSni": False}, "is not checked over TLS"),
            ({"fqdn": "x.example"}, "x.example is no hostname of the stack"),
            ({"regions": ["us-east-1", "us-west-2"]}, "only us-east-1, us-west-2 checks it"),
        )
    ],
    Case(
        "aws-route53-health-check-as-clients-connect",
        [OF_CLIENTS, clients_check(), health_check(ipAddress="192.0.2.1")],
    ),
    Case(
        "aws-route53-record-not-delegated",
        [resource(RECORD, {"type": "NS", "name": "shield.x.io"})],
        "shield.x.io is delegated",
    ),
    Case("aws-route53-record-not-delegated", [resource(RECORD, {"type": "A", "name": "shield.x.io"})]),
]
