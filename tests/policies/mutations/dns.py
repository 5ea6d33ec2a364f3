"""Changes that break DNS records and health checks, each of which a policy must report."""

from __future__ import annotations

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without

RECORD = "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"

MUTATIONS = [
    Mutation(
        "aws-route53-record-health-checked",
        [RECORD],
        "no check",
        without("healthCheckId"),
        lambda record: "healthCheckId" in record.inputs,
    ),
    Mutation(
        "aws-route53-record-ttl-short",
        [RECORD],
        "a day",
        put("ttl", 86400),
        # TXT records need no mutation, because package clients look up none.
        lambda record: "ttl" in record.inputs and record.inputs["type"] != "TXT",
    ),
    Mutation("aws-route53-health-check-effective", [CHECK], "off", put("disabled", True)),
    Mutation("aws-route53-health-check-effective", [CHECK], "upside down", put("invertHealthcheck", True)),
    Mutation(
        "aws-route53-health-check-effective",
        [CHECK],
        "slow",
        put("failureThreshold", 10),
        lambda check: "failureThreshold" in check.inputs,
    ),
    Mutation(
        "aws-route53-health-check-effective",
        [CHECK],
        "no child needed",
        put("childHealthThreshold", 0),
        lambda check: check.inputs["type"] == "CALCULATED",
    ),
]
