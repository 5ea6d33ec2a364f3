"""Handles the resources of Google Cloud's load balancers for the emulated Google Cloud provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import pulumi
import pulumi_gcp as gcp

from emulation.providers.gcp.rest import Clients, Rest, call, picked, without_none
from emulation.providers.handler import CloudError, Created, Handler, Properties

_COMPUTE = "compute/v1/"
_Convert = Callable[[Properties], Properties]
# The names of the inputs of a backend that the API takes by the same names.
_BACKEND = ("group", "balancingMode", "capacityScaler", "maxConnections", "maxConnectionsPerEndpoint")


def handlers(clients: Clients) -> Iterable[Handler]:
    """Returns the handlers of load balancers. If resource type A needs type B, B's handler comes first."""
    return [
        _rest(
            gcp.compute.GlobalAddress,
            clients,
            "addresses",
            lambda inputs: picked(inputs, "name", "labels"),
            lambda document: picked(document, "address", "labels"),
            lambda inputs: picked(inputs, "labels"),
        ),
        _rest(
            gcp.compute.HealthCheck,
            clients,
            "healthChecks",
            lambda inputs: {"name": inputs["name"], "type": "HTTPS", **_check(inputs)},
            lambda document: {**_check(document), "type": document["type"]},
            _check,
        ),
        Rest(
            gcp.compute.NetworkEndpointGroup,
            clients,
            collection=lambda inputs: (
                f"{_COMPUTE}projects/{inputs['project']}/zones/{inputs['zone']}/networkEndpointGroups"
            ),
            request=lambda inputs: picked(
                inputs, "name", "network", "subnetwork", "networkEndpointType", "defaultPort"
            ),
            outputs=lambda document: {**picked(document, "networkEndpointType", "defaultPort"), **_link(document)},
            id_from=_COMPUTE,
            replace_on=frozenset(
                {"project", "zone", "name", "network", "subnetwork", "networkEndpointType", "defaultPort"}
            ),
        ),
        NetworkEndpoint(clients),
        _rest(
            gcp.compute.BackendService,
            clients,
            "backendServices",
            lambda inputs: {**picked(inputs, "name", "protocol", "loadBalancingScheme"), **_service(inputs)},
            lambda document: picked(document, "protocol", "loadBalancingScheme", "timeoutSec", "backends"),
            _service,
            ("loadBalancingScheme", "protocol"),
        ),
        _rest(
            gcp.compute.TargetTCPProxy,
            clients,
            "targetTcpProxies",
            lambda inputs: {
                "name": inputs["name"],
                "service": inputs["backendService"],
                **picked(inputs, "proxyHeader"),
            },
            lambda document: {"backendService": document["service"], **picked(document, "proxyHeader")},
            lambda inputs: {},
            ("backendService", "proxyHeader"),
        ),
        _rest(
            gcp.compute.GlobalForwardingRule,
            clients,
            "forwardingRules",
            lambda inputs: {
                **picked(inputs, "name", "target", "portRange", "loadBalancingScheme", "networkTier", "labels"),
                **without_none({"IPAddress": inputs.get("ipAddress"), "IPProtocol": inputs.get("ipProtocol")}),
            },
            lambda document: picked(document, "target", "portRange", "loadBalancingScheme", "networkTier", "labels"),
            lambda inputs: picked(inputs, "labels"),
            ("ipAddress", "ipProtocol", "portRange", "target", "loadBalancingScheme", "networkTier"),
        ),
    ]


def _rest(
    resource: type[pulumi.CustomResource],
    clients: Clients,
    collection: str,
    request: _Convert,
    outputs: _Convert,
    changed: _Convert,
    fixed: Iterable[str] = (),
) -> Rest:
    """Returns the handler of a global resource. `fixed` are the inputs that Compute Engine does not change."""
    return Rest(
        resource,
        clients,
        collection=lambda inputs: f"{_COMPUTE}projects/{inputs['project']}/global/{collection}",
        request=request,
        outputs=lambda document: {**outputs(document), **_link(document)},
        id_from=_COMPUTE,
        changed=changed,
        replace_on=frozenset({"project", "name", *fixed}),
    )


def _link(document: Properties) -> Properties:
    return {"selfLink": f"https://www.googleapis.com/{document['selfLink']}"}


def _check(properties: Properties) -> Properties:
    names = ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold", "httpsHealthCheck")
    return picked(properties, *names)


def _service(inputs: Properties) -> Properties:
    draining = inputs.get("connectionDrainingTimeoutSec")
    backends = [picked(backend, *_BACKEND) for backend in inputs.get("backends", [])]
    return without_none(
        {
            "backends": backends,
            "healthChecks": [inputs["healthChecks"]] if inputs.get("healthChecks") else [],
            "timeoutSec": inputs.get("timeoutSec"),
            "connectionDraining": None if draining is None else {"drainingTimeoutSec": draining},
        }
    )


class NetworkEndpoint:
    """Handles the endpoints of a network endpoint group, which are no resources of the API."""

    resource = gcp.compute.NetworkEndpoint
    replace_on = frozenset({"project", "zone", "networkEndpointGroup", "instance", "ipAddress", "port"})

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def create(self, inputs: Properties) -> Created:
        self._call("attach", inputs)
        group, instance = _group(inputs).rpartition("/")[2], inputs.get("instance")
        id = f"{inputs['project']}/{inputs['zone']}/{group}/{instance}/{inputs['ipAddress']}/{inputs['port']}"
        return Created(id, inputs)

    def read(self, id: str, state: Properties) -> Properties | None:
        if not state:
            raise CloudError("the import of network endpoints is not emulated")
        found = call(self._clients(), "POST", f"{_COMPUTE}{_group(state)}/listNetworkEndpoints", {})
        listed = [each["networkEndpoint"] for each in cast(Properties, found)["items"]]
        return state if _endpoint(state) in listed else None

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        raise CloudError(f"{id} cannot be changed in place")

    def delete(self, id: str, state: Properties) -> None:
        self._call("detach", state)

    def _call(self, method: str, inputs: Properties) -> None:
        path = f"{_COMPUTE}{_group(inputs)}/{method}NetworkEndpoints"
        call(self._clients(), "POST", path, {"networkEndpoints": [_endpoint(inputs)]})


def _group(inputs: Properties) -> str:
    name = str(inputs["networkEndpointGroup"]).rpartition("/")[2]
    return f"projects/{inputs['project']}/zones/{inputs['zone']}/networkEndpointGroups/{name}"


def _endpoint(inputs: Properties) -> Properties:
    return {**picked(inputs, "instance", "ipAddress"), "port": int(inputs["port"])}
