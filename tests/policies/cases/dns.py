"""Cases of the names that clients resolve."""

from __future__ import annotations

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.parts import RECORD, Case
from tests.policies.resources import resource

CASES = [
    Case("client-records-checked", [resource(RECORD, {"name": "packages.x.io", "type": "A"})], "packages.x.io"),
    Case(
        "client-records-checked",
        [resource(RECORD, {"name": "shield.x.io", "type": "A", "latencyRoutingPolicies": [{"region": "us-east-1"}]})],
        "shield.x.io",
    ),
    Case(
        "client-records-checked",
        [
            resource(RECORD, {"name": "packages.x.io", "type": "A", "healthCheckId": UNKNOWN_STRING_VALUE}),
            resource(RECORD, {"name": "packages.x.io", "type": "A", "aliases": [{"evaluateTargetHealth": True}]}),
            resource(RECORD, {"name": "us-east-1-0.shield.x.io", "type": "A"}),
        ],
    ),
]
