"""Policies for Google Cloud's load balancers: clients can reach only the HTTPS port, the machines see the addresses of
clients, and the load balancer soon sends no clients to a failed machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import nist, our_design, well_architected
from policies.framework.declare import each_resource, setting

FORWARDING_RULE = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
_PROXY = "gcp:compute/targetTCPProxy:TargetTCPProxy"
_CHECK = "gcp:compute/healthCheck:HealthCheck"
_HTTPS = ("443", "443-443")
_ASKING = ("httpHealthCheck", "httpsHealthCheck", "http2HealthCheck")


@each_resource(
    "gcp-balancer-https-only",
    "A load balancer on Google Cloud opens no port to the internet except the HTTPS port.",
    of={FORWARDING_RULE},
    severity=Severity.HIGH,
    control=nist("SC-7"),
    fix="Give the forwarding rule the ip_protocol TCP and the port_range 443",
)
def https_only(args: ResourceValidationArgs) -> Iterator[str]:
    protocol, ports = args.props.get("ipProtocol") or "TCP", str(args.props.get("portRange"))
    if protocol != "TCP" or ports not in _HTTPS:
        yield f"it accepts {protocol} on {ports}"


@each_resource(
    "gcp-balancer-client-address-preserved",
    "Machines behind a load balancer on Google Cloud get the addresses of clients, by which the firewall limits "
    "clients.",
    of={_PROXY},
    severity=Severity.HIGH,
    control=our_design("the firewall limits clients by their addresses"),
    fix="Give the target proxy the proxy_header PROXY_V1",
)
def client_address_preserved(args: ResourceValidationArgs) -> Iterator[str]:
    header = args.props.get("proxyHeader") or "NONE"
    if header != "PROXY_V1":
        yield f"its proxy_header is {header}, so machines see the addresses of Google's front ends"


@each_resource(
    "gcp-balancer-health-check-effective",
    "A load balancer on Google Cloud sends health checks to the service itself, and finds a failed machine within a "
    "minute.",
    of={_CHECK},
    severity=Severity.MEDIUM,
    control=well_architected("REL11-BP01"),
    fix="Use an https_health_check with a request_path, a check_interval_sec of 10 and an unhealthy_threshold of 3 or "
    "less",
    config={"seconds": {"type": "integer", "minimum": 5, "default": 30}},
)
def health_check_effective(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    asking = [cast("Mapping[str, Any]", props[name]) for name in _ASKING if props.get(name)]
    if not any(each.get("requestPath") for each in asking):
        yield "it only checks that the port accepts connections"
    seconds = int(props.get("checkIntervalSec") or 5) * int(props.get("unhealthyThreshold") or 2)
    if seconds > int(setting(args, "seconds", 30)):
        yield f"it takes {seconds} s to detect a failure"


POLICIES: list[Policy] = [https_only, client_address_preserved, health_check_effective]
