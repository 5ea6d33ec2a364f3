"""Test cases for the policies on Google Cloud's load balancers."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import Case
from tests.policies.resources import resource


def rule(**props: Any) -> PolicyResource:
    return resource("gcp:compute/globalForwardingRule:GlobalForwardingRule", props)


def proxy(**props: Any) -> PolicyResource:
    return resource("gcp:compute/targetTCPProxy:TargetTCPProxy", props)


def check(**changes: Any) -> PolicyResource:
    asking = {"httpsHealthCheck": {"requestPath": "/healthz"}}
    props = {"checkIntervalSec": 10, "unhealthyThreshold": 3, **asking, **changes}
    return resource("gcp:compute/healthCheck:HealthCheck", props)


CASES = [
    Case("gcp-balancer-https-only", [rule(ipProtocol="TCP", portRange="443"), rule(portRange="443-443")]),
    Case("gcp-balancer-https-only", [rule(ipProtocol="TCP", portRange="80")], "it accepts TCP on 80"),
    Case("gcp-balancer-https-only", [rule(ipProtocol="TCP", portRange="443-8443")], "it accepts TCP on 443-8443"),
    Case("gcp-balancer-https-only", [rule(ipProtocol="UDP", portRange="443")], "it accepts UDP on 443"),
    Case("gcp-balancer-client-address-preserved", [proxy(proxyHeader="PROXY_V1")]),
    Case("gcp-balancer-client-address-preserved", [proxy()], "its proxy_header is NONE"),
    Case("gcp-balancer-health-check-effective", [check()]),
    Case(
        "gcp-balancer-health-check-effective",
        [check(httpsHealthCheck=None, tcpHealthCheck={"port": 8444})],
        "it only checks that the port accepts connections",
    ),
    Case("gcp-balancer-health-check-effective", [check(unhealthyThreshold=10)], "it takes 100 s to detect a failure"),
]
