"""Harmful changes to the accelerator of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import put, without
from tests.support.harness import Registered

LISTENER = "aws:globalaccelerator/listener:Listener"
GROUP = "aws:globalaccelerator/endpointGroup:EndpointGroup"


def of_shields(broken: Registered) -> Sequence[Registered]:
    """Moves the endpoint group from the accelerator of our own PoPs to the component of a shield (a regional cache).
    The policy must report this change, because the accelerator would send clients to shields. Only the edge may connect
    to shields.
    """
    return [replace(broken, urn=broken.urn.replace("artifact-edge:pop:Accelerator", "artifact-edge:shield:Ec2Shield"))]


MUTATIONS = [
    Mutation("multi-shield-ingress-from-edge-only", [GROUP], "an accelerator leads to shields", of_shields),
    Mutation(
        "aws-globalaccelerator-listener-https-only",
        [LISTENER],
        "all ports from 443",
        put("portRanges.0.toPort", 65535),
    ),
    Mutation("aws-globalaccelerator-listener-https-only", [LISTENER], "UDP", put("protocol", "UDP")),
    Mutation(
        "aws-globalaccelerator-client-address-preserved",
        [GROUP],
        "machines that see the accelerator's addresses",
        without("endpointConfigurations.0.clientIpPreservationEnabled"),
    ),
    Mutation(
        "aws-globalaccelerator-health-check-effective",
        [GROUP],
        "a check of the port only",
        put("healthCheckProtocol", "TCP"),
    ),
    Mutation(
        "aws-globalaccelerator-health-check-effective",
        [GROUP],
        "a health check that fails only after ten failed probes",
        put("thresholdCount", 10),
    ),
]
