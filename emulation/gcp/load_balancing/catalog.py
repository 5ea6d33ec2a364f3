"""Lists the resource types of Google Cloud's load balancers, with the fields from the reference of the Compute Engine
API v1.
"""

from __future__ import annotations

from emulation.gcp.catalog import Collection, Json, Refused, Request

_GLOBAL = "compute/v1/projects/{project}/global"
GROUPS = "compute/v1/projects/{project}/zones/{zone}/networkEndpointGroups"
ADDRESSES, CHECKS = f"{_GLOBAL}/addresses", f"{_GLOBAL}/healthChecks"
SERVICES, PROXIES, RULES = f"{_GLOBAL}/backendServices", f"{_GLOBAL}/targetTcpProxies", f"{_GLOBAL}/forwardingRules"


def _fields(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _address(request: Request) -> Json:
    address = next(request.free_addresses, None)
    if address is None:
        raise Refused(429, "no public address is free")
    return {"address": address, "networkTier": "PREMIUM"}


def _no_endpoints(request: Request) -> Json:
    return {"endpoints": []}


_CHECK = _fields("checkIntervalSec timeoutSec healthyThreshold unhealthyThreshold httpsHealthCheck")
_SERVICE = _fields("backends healthChecks timeoutSec connectionDraining")
_GROUP = _fields("name network subnetwork networkEndpointType defaultPort")

COLLECTIONS = (
    Collection(ADDRESSES, _fields("name labels"), _fields("name"), _fields("labels"), computed=_address),
    Collection(CHECKS, _CHECK | _fields("name type"), _fields("name type"), _CHECK),
    Collection(GROUPS, _GROUP, _fields("name network networkEndpointType"), computed=_no_endpoints),
    Collection(
        SERVICES,
        _SERVICE | _fields("name protocol loadBalancingScheme"),
        _fields("name protocol loadBalancingScheme"),
        _SERVICE,
    ),
    Collection(PROXIES, _fields("name service proxyHeader"), _fields("name service")),
    Collection(
        RULES,
        _fields("name IPAddress IPProtocol portRange target loadBalancingScheme networkTier labels"),
        _fields("name target loadBalancingScheme"),
        _fields("labels"),
    ),
)
