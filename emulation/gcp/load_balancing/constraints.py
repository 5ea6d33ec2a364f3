"""Checks the resources of load balancers as Compute Engine does, when a resource is created or changed. The emulation
accepts only the resources of a global external proxy Network Load Balancer with network endpoint groups.

Sources: Compute Engine API v1 (`backendServices`, `healthChecks`, `forwardingRules`, `networkEndpointGroups`), and
Cloud Load Balancing, "Backend services overview" and "External proxy Network Load Balancer overview".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.load_balancing import catalog
from emulation.state_store import StateStore

_KIND = "gcp"
_SCHEME = "EXTERNAL_MANAGED"
_HEADERS = ("NONE", "PROXY_V1")
_LEAST_CAPACITY = 0.1
_GROUP_TYPE = "GCE_VM_IP_PORT"

Check = Callable[["Known", Json], None]


class Known:
    """The resources that exist in the emulated Google Cloud."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    def resource(self, reference: str) -> Json:
        """Returns a resource by its path or URL. Raises Refused if the resource does not exist."""
        path = reference.partition("compute/v1/")[2] or reference
        scope, _, id = f"compute/v1/{path}".rpartition("/")
        found = self._store.get(_KIND, scope, id)
        if found is None:
            raise Refused(404, f"The resource '{path}' was not found")
        return found


class Checked:
    """Checks a resource before it is created or changed (`emulation.gcp.effects.Effect`)."""

    def __init__(self, check: Check, store: StateStore) -> None:
        self._check, self._known = check, Known(store)

    def create(self, document: Json) -> None:
        self._check(self._known, document)

    def update(self, old: Json, new: Json) -> None:
        self._check(self._known, new)

    def delete(self, document: Json) -> None:
        pass


def effects(store: StateStore) -> Mapping[str, Checked]:
    """Returns the checks by the paths of the API's collections."""
    checks: Mapping[str, Check] = {
        catalog.CHECKS: _health_check,
        catalog.GROUPS: _group,
        catalog.SERVICES: _service,
        catalog.PROXIES: _proxy,
        catalog.RULES: _rule,
    }
    return {path: Checked(check, store) for path, check in checks.items()}


def _health_check(known: Known, check: Json) -> None:
    if check["type"] != "HTTPS" or "httpsHealthCheck" not in check:
        raise Refused(501, f"not emulated: a health check of the type {check['type']}")
    settings: Json = check["httpsHealthCheck"]
    if settings.get("proxyHeader", "NONE") not in _HEADERS:
        raise Refused(400, f"Invalid value for field 'proxyHeader': '{settings['proxyHeader']}'")
    if settings.get("portSpecification") == "USE_SERVING_PORT" and settings.get("port"):
        raise Refused(400, "Invalid value for field 'port': it must not be set with USE_SERVING_PORT")
    if int(check.get("timeoutSec", 5)) > int(check.get("checkIntervalSec", 5)):
        raise Refused(400, "Invalid value for field 'timeoutSec': must not be greater than checkIntervalSec")


def _group(known: Known, group: Json) -> None:
    if group["networkEndpointType"] != _GROUP_TYPE:
        raise Refused(501, f"not emulated: endpoints of the type {group['networkEndpointType']}")


def _service(known: Known, service: Json) -> None:
    if (service["protocol"], service["loadBalancingScheme"]) != ("TCP", _SCHEME):
        raise Refused(501, f"not emulated: {service['protocol']} with {service['loadBalancingScheme']}")
    if len(service.get("healthChecks", [])) != 1:
        raise Refused(400, "A backend service with network endpoint groups needs exactly one health check")
    known.resource(service["healthChecks"][0])
    backends: list[Json] = service.get("backends", [])
    groups = [backend["group"] for backend in backends]
    if len(set(groups)) < len(groups):
        raise Refused(400, "Duplicate network endpoint groups in backend service")
    for backend in backends:
        known.resource(backend["group"])
        _backend(backend, alone=len(backends) == 1)


def _backend(backend: Json, *, alone: bool) -> None:
    mode = backend.get("balancingMode", "UTILIZATION")
    if mode != "CONNECTION":
        raise Refused(400, f"Invalid value for field 'balancingMode': '{mode}' with a zonal network endpoint group")
    limits = [name for name in ("maxConnections", "maxConnectionsPerEndpoint") if backend.get(name)]
    if len(limits) != 1 or backend.get("maxConnectionsPerInstance"):
        raise Refused(400, "Exactly one of maxConnections and maxConnectionsPerEndpoint must be specified")
    capacity = float(backend.get("capacityScaler", 1))
    if capacity != 0 and not _LEAST_CAPACITY <= capacity <= 1:
        raise Refused(400, f"Invalid value for field 'capacityScaler': '{capacity}'. Must be 0 or from 0.1 to 1")
    if capacity == 0 and alone:
        raise Refused(400, "Invalid value for field 'capacityScaler': '0' of the only backend")


def _proxy(known: Known, proxy: Json) -> None:
    if proxy.get("proxyHeader", "NONE") not in _HEADERS:
        raise Refused(400, f"Invalid value for field 'proxyHeader': '{proxy['proxyHeader']}'")
    known.resource(proxy["service"])


def _rule(known: Known, rule: Json) -> None:
    proxy = known.resource(rule["target"])
    scheme = known.resource(proxy["service"])["loadBalancingScheme"]
    if rule["loadBalancingScheme"] != scheme:
        raise Refused(400, f"Scheme {rule['loadBalancingScheme']} differs from {scheme} of the backend service")
    if rule.get("networkTier", "PREMIUM") != "PREMIUM":
        raise Refused(400, "Invalid value for field 'networkTier': a global forwarding rule has the tier PREMIUM")
    first, _, last = str(rule.get("portRange", "")).partition("-")
    if rule.get("IPProtocol", "TCP") != "TCP" or not first or first != (last or first):
        raise Refused(400, "A target TCP proxy needs the protocol TCP and exactly one port")


def expect_endpoint(known: Known, zone: str, group: Json, endpoint: Mapping[str, Any]) -> None:
    """Raises Refused unless an endpoint is an address of an instance in the zone and the network of its group."""
    project = group["selfLink"].split("/")[3]
    machine = known.resource(f"projects/{project}/zones/{zone}/instances/{endpoint['instance']}")
    for interface in machine["networkInterfaces"]:
        if interface.get("networkIP") == endpoint["ipAddress"] and interface["subnetwork"] == group.get("subnetwork"):
            return
    raise Refused(400, f"{endpoint['ipAddress']} is no address of {endpoint['instance']} in the group's subnetwork")
