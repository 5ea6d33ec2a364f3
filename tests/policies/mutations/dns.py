"""Harmful changes to the DNS records and health checks of a stack. Tests make each change, and a policy must report
it.
"""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

RECORD = "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"

MUTATIONS = [
    Mutation(
        "aws-route53-record-health-checked",
        [RECORD],
        "a DNS record has no health check",
        without("healthCheckId"),
        lambda record: "healthCheckId" in record.inputs,
    ),
    Mutation(
        "aws-route53-record-ttl-short",
        [RECORD],
        "a DNS record has a TTL of one day",
        put("ttl", 86400),
        # The policy ignores TXT records, because package clients do not look them up.
        lambda record: "ttl" in record.inputs and record.inputs["type"] != "TXT",
    ),
    Mutation("aws-route53-health-check-effective", [CHECK], "a health check is disabled", put("disabled", True)),
    Mutation(
        "aws-route53-health-check-effective", [CHECK], "a health check is inverted", put("invertHealthcheck", True)
    ),
    Mutation(
        "aws-route53-health-check-effective",
        [CHECK],
        "a health check fails only after ten failed probes",
        put("failureThreshold", 10),
        lambda check: "failureThreshold" in check.inputs,
    ),
    Mutation(
        "aws-route53-health-check-effective",
        [CHECK],
        "a calculated health check passes without a healthy child",
        put("childHealthThreshold", 0),
        lambda check: check.inputs["type"] == "CALCULATED",
    ),
    Mutation(
        "aws-route53-health-check-as-clients-connect",
        [CHECK],
        "two regions",
        put("regions", ["us-east-1", "eu-west-1"]),
    ),
    Mutation("aws-route53-record-not-delegated", [RECORD], "a delegated name", put("type", "NS")),
]
