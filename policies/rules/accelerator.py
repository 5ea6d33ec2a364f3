"""Policies for AWS Global Accelerator: clients can reach only the HTTPS port, the machines see the addresses of
clients, and the accelerator soon sends no clients to a failed machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import nist, our_design, well_architected
from policies.framework.declare import each_resource, parts, setting

ACCELERATOR = "aws:globalaccelerator/accelerator:Accelerator"
_LISTENER = "aws:globalaccelerator/listener:Listener"
_GROUP = "aws:globalaccelerator/endpointGroup:EndpointGroup"
_HTTPS = 443
_ASKING = ("HTTP", "HTTPS")


@each_resource(
    "aws-globalaccelerator-listener-https-only",
    "An accelerator opens no port to the internet except the HTTPS port.",
    of={_LISTENER},
    severity=Severity.HIGH,
    control=nist("SC-7"),
    fix="Give the listener the protocol TCP, and one range of ports from 443 to 443",
)
def listener_https_only(args: ResourceValidationArgs) -> Iterator[str]:
    protocol = args.props.get("protocol")
    for ports in parts(args.props, "portRanges"):
        first, last = int(ports.get("fromPort") or 0), int(ports.get("toPort") or 0)
        if (protocol, first, last) != ("TCP", _HTTPS, _HTTPS):
            yield f"it accepts {protocol} on ports {first} to {last}"


@each_resource(
    "aws-globalaccelerator-client-address-preserved",
    "Machines behind an accelerator see the addresses of clients, by which the firewall limits clients.",
    of={_GROUP},
    severity=Severity.HIGH,
    control=our_design("the firewall limits clients by their addresses"),
    fix="Use the instance as the endpoint, with client_ip_preservation_enabled true, and not its Elastic IP address",
)
def client_address_preserved(args: ResourceValidationArgs) -> Iterator[str]:
    for number, endpoint in enumerate(parts(args.props, "endpointConfigurations")):
        if endpoint.get("clientIpPreservationEnabled") is not True:
            yield f"endpoint {number} sees the addresses of the accelerator, and not those of clients"


@each_resource(
    "aws-globalaccelerator-health-check-effective",
    "An accelerator sends health checks to the service itself, and finds a failed machine within a minute.",
    of={_GROUP},
    severity=Severity.MEDIUM,
    control=well_architected("REL11-BP01"),
    fix="Use health_check_protocol HTTPS with a health_check_path, an interval of 10 and threshold_count 3 or less",
    config={"seconds": {"type": "integer", "minimum": 10, "default": 30}},
)
def health_check_effective(args: ResourceValidationArgs) -> Iterator[str]:
    props = args.props
    protocol = props.get("healthCheckProtocol") or "TCP"
    if protocol not in _ASKING or not props.get("healthCheckPath"):
        yield f"{protocol} without a path only checks that the port accepts connections"
    seconds = int(props.get("healthCheckIntervalSeconds") or 30) * int(props.get("thresholdCount") or 3)
    if seconds > int(setting(args, "seconds", 30)):
        yield f"it takes {seconds} s to detect a failure"


POLICIES: list[Policy] = [listener_https_only, client_address_preserved, health_check_effective]
