"""Harmful changes to Google's load balancer of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without
from tests.support.harness import Registered

RULE = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
PROXY = "gcp:compute/targetTCPProxy:TargetTCPProxy"
CHECK = "gcp:compute/healthCheck:HealthCheck"


def of_shields(broken: Registered) -> Sequence[Registered]:
    """Returns the forwarding rule with the component of a shield (a regional cache) as its parent."""
    urn = broken.urn.replace("artifact-edge:pop:GoogleBalancer", "artifact-edge:shield:GceShield")
    return [replace(broken, urn=urn)]


MUTATIONS = [
    Mutation("multi-shield-ingress-from-edge-only", [RULE], "a load balancer leads to shields", of_shields),
    Mutation("gcp-balancer-https-only", [RULE], "plain HTTP", put("portRange", "80")),
    Mutation(
        "gcp-balancer-client-address-preserved",
        [PROXY],
        "machines that see the addresses of Google's front ends",
        without("proxyHeader"),
    ),
    Mutation("gcp-balancer-health-check-effective", [CHECK], "a check of the port only", without("httpsHealthCheck")),
    Mutation(
        "gcp-balancer-health-check-effective",
        [CHECK],
        "a health check that fails only after ten failed probes",
        put("unhealthyThreshold", 10),
    ),
]
