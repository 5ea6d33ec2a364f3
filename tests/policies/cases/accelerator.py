"""Test cases for the policies on Global Accelerator."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import Case
from tests.policies.resources import resource


def listener(protocol: str, first: int, last: int) -> PolicyResource:
    ports = [{"fromPort": first, "toPort": last}]
    return resource("aws:globalaccelerator/listener:Listener", {"protocol": protocol, "portRanges": ports})


def group(**changes: Any) -> PolicyResource:
    props = {
        "healthCheckProtocol": "HTTPS",
        "healthCheckPath": "/healthz",
        "healthCheckIntervalSeconds": 10,
        "thresholdCount": 3,
        "endpointConfigurations": [{"endpointId": "i-1", "clientIpPreservationEnabled": True}],
        **changes,
    }
    return resource("aws:globalaccelerator/endpointGroup:EndpointGroup", props)


CASES = [
    Case("aws-globalaccelerator-listener-https-only", [listener("TCP", 443, 443)]),
    *[
        Case("aws-globalaccelerator-listener-https-only", [listener(*given)], says)
        for given, says in (
            (("TCP", 1, 65535), "it accepts TCP on ports 1 to 65535"),
            (("TCP", 80, 80), "it accepts TCP on ports 80 to 80"),
            (("UDP", 443, 443), "it accepts UDP on ports 443 to 443"),
        )
    ],
    Case("aws-globalaccelerator-client-address-preserved", [group()]),
    *[
        Case("aws-globalaccelerator-client-address-preserved", [group(endpointConfigurations=[given])], "endpoint 0")
        for given in (
            {"endpointId": "eipalloc-1"},
            {"endpointId": "i-1", "clientIpPreservationEnabled": False},
        )
    ],
    Case("aws-globalaccelerator-health-check-effective", [group(), group(healthCheckProtocol="HTTP")]),
    *[
        Case("aws-globalaccelerator-health-check-effective", [group(**changes)], says)
        for changes, says in (
            ({"healthCheckProtocol": "TCP"}, "TCP without a path"),
            ({"healthCheckPath": None}, "HTTPS without a path"),
            ({"healthCheckIntervalSeconds": 30}, "it takes 90 s to detect a failure"),
            ({"thresholdCount": 10}, "it takes 100 s to detect a failure"),
        )
    ],
]
