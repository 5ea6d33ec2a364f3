"""Tests which resources of a load balancer the emulated Compute Engine refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pulumi_gcp as gcp
import pytest

from emulation.gcp import in_process
from emulation.providers.gcp import handlers
from emulation.providers.handler import CloudError, Created

PROJECT, ZONE = "unit", "europe-west4-b"
SUBNET = {"region": "europe-west4", "name": "sub", "ipCidrRange": "10.0.0.0/20", "privateIpGoogleAccess": True}
CHECK = {"requestPath": "/healthz", "portSpecification": "USE_SERVING_PORT", "proxyHeader": "PROXY_V1"}


class Cloud:
    """An emulated Google Cloud project with a network, a subnet and a machine in it."""

    def __init__(self, directory: Path) -> None:
        client: httpx.Client = in_process.client(directory)
        self._handlers = {each.resource: each for each in handlers(lambda: client)}
        self.network = self.create(gcp.compute.Network, name="net", autoCreateSubnetworks=False).id
        self.subnet = self.create(gcp.compute.Subnetwork, network=self.network, **SUBNET).id
        self._machine = self._new_machine()

    def create(self, kind: type, **inputs: Any) -> Created:
        return self._handlers[kind].create({"project": PROJECT, **inputs})

    def remove(self, kind: type, made: Created) -> None:
        self._handlers[kind].delete(made.id, made.outputs)

    def exists(self, kind: type, made: Created) -> bool:
        return self._handlers[kind].read(made.id, made.outputs) is not None

    def replace_machine(self) -> None:
        self.remove(gcp.compute.Instance, self._machine)
        self._machine = self._new_machine()

    def _new_machine(self) -> Created:
        disk = {"image": "ubuntu-os-cloud/ubuntu-2404-lts-amd64", "size": 16, "type": "pd-ssd"}
        return self.create(
            gcp.compute.Instance,
            name="machine",
            zone=ZONE,
            machineType="n2-standard-2",
            bootDisk={"initializeParams": disk},
            networkInterfaces=[{"subnetwork": self.subnet, "networkIp": "10.0.0.10"}],
        )

    def group(self, name: str = "group", **changes: Any) -> Created:
        given = {"networkEndpointType": "GCE_VM_IP_PORT", "network": self.network, "subnetwork": self.subnet, **changes}
        return self.create(gcp.compute.NetworkEndpointGroup, name=name, zone=ZONE, **given)

    def endpoint(self, **changes: Any) -> Created:
        given = {
            "networkEndpointGroup": "group",
            "instance": "machine",
            "ipAddress": "10.0.0.10",
            "port": 8444,
            **changes,
        }
        return self.create(gcp.compute.NetworkEndpoint, zone=ZONE, **given)

    def check(self, **changes: Any) -> Created:
        given = {"checkIntervalSec": 10, "timeoutSec": 5, "httpsHealthCheck": CHECK, **changes}
        return self.create(gcp.compute.HealthCheck, name="check", **given)

    def service(self, *backends: dict[str, Any], **changes: Any) -> Created:
        given = {"protocol": "TCP", "loadBalancingScheme": "EXTERNAL_MANAGED", **changes}
        return self.create(gcp.compute.BackendService, name="service", backends=list(backends), **given)


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def backend(to: Created, **changes: Any) -> dict[str, Any]:
    return {"group": to.id, "balancingMode": "CONNECTION", "maxConnectionsPerEndpoint": 10, **changes}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"balancingMode": "RATE"}, "'balancingMode': 'RATE'"),
        ({"balancingMode": None}, "'balancingMode': 'UTILIZATION'"),
        ({"maxConnectionsPerEndpoint": None}, "Exactly one of maxConnections"),
        ({"maxConnections": 10}, "Exactly one of maxConnections"),
        ({"capacityScaler": 0.05}, "Must be 0 or from 0.1 to 1"),
        ({"capacityScaler": 0}, "of the only backend"),
        ({"group": f"projects/unit/zones/{ZONE}/networkEndpointGroups/other"}, "other"),
    ],
)
def test_a_backend_that_cannot_be_one_is_refused(cloud: Cloud, changes: dict[str, Any], problem: str) -> None:
    check = cloud.check().id
    with pytest.raises(CloudError, match=problem):
        cloud.service(backend(cloud.group(), **changes), healthChecks=check)


def test_a_drained_backend_needs_another_one(cloud: Cloud) -> None:
    groups = [cloud.group(), cloud.group("other")]
    made = cloud.service(
        backend(groups[0], capacityScaler=0), backend(groups[1], capacityScaler=1), healthChecks=cloud.check().id
    )
    assert [each["capacityScaler"] for each in made.outputs["backends"]] == [0, 1]
    with pytest.raises(CloudError, match="already being used by"):
        cloud.remove(gcp.compute.NetworkEndpointGroup, groups[0])


def test_a_service_needs_a_health_check_and_not_the_same_group_twice(cloud: Cloud) -> None:
    group = cloud.group()
    with pytest.raises(CloudError, match="exactly one health check"):
        cloud.service(backend(group))
    with pytest.raises(CloudError, match="Duplicate network endpoint groups"):
        cloud.service(backend(group), backend(group), healthChecks=cloud.check().id)


def test_an_endpoint_is_an_address_of_a_machine_in_the_subnet_of_its_group(cloud: Cloud) -> None:
    cloud.group()
    with pytest.raises(CloudError, match=r"10\.0\.0\.11 is no address of machine"):
        cloud.endpoint(ipAddress="10.0.0.11")
    with pytest.raises(CloudError, match="instances/nobody"):
        cloud.endpoint(instance="nobody")
    made = cloud.endpoint()
    assert cloud.exists(gcp.compute.NetworkEndpoint, made)
    cloud.remove(gcp.compute.NetworkEndpoint, made)
    assert not cloud.exists(gcp.compute.NetworkEndpoint, made)


def test_a_replaced_machine_of_the_same_name_has_no_endpoint(cloud: Cloud) -> None:
    cloud.group()
    made = cloud.endpoint()
    cloud.replace_machine()
    assert not cloud.exists(gcp.compute.NetworkEndpoint, made)
    assert cloud.exists(gcp.compute.NetworkEndpoint, cloud.endpoint())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"timeoutSec": 11}, "must not be greater than checkIntervalSec"),
        ({"httpsHealthCheck": {**CHECK, "proxyHeader": "PROXY_V2"}}, "'proxyHeader': 'PROXY_V2'"),
        ({"httpsHealthCheck": {**CHECK, "port": 443}}, "must not be set with USE_SERVING_PORT"),
    ],
)
def test_a_health_check_that_contradicts_itself_is_refused(cloud: Cloud, changes: Any, problem: str) -> None:
    with pytest.raises(CloudError, match=problem):
        cloud.check(**changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"loadBalancingScheme": "EXTERNAL"}, "differs from EXTERNAL_MANAGED"),
        ({"networkTier": "STANDARD"}, "has the tier PREMIUM"),
        ({"portRange": "443-444"}, "exactly one port"),
        ({"ipProtocol": "UDP"}, "the protocol TCP"),
    ],
)
def test_a_forwarding_rule_fits_the_service_that_it_leads_to(cloud: Cloud, changes: Any, problem: str) -> None:
    service = cloud.service(backend(cloud.group()), healthChecks=cloud.check().id)
    proxy = cloud.create(gcp.compute.TargetTCPProxy, name="proxy", backendService=service.id, proxyHeader="PROXY_V1")
    given = {"target": proxy.id, "portRange": "443", "ipProtocol": "TCP", "loadBalancingScheme": "EXTERNAL_MANAGED"}
    cloud.create(gcp.compute.GlobalForwardingRule, name="rule", **given)
    with pytest.raises(CloudError, match=problem):
        cloud.create(gcp.compute.GlobalForwardingRule, name="other", **{**given, **changes})


def test_a_proxy_sends_only_headers_that_google_knows(cloud: Cloud) -> None:
    service = cloud.service(backend(cloud.group()), healthChecks=cloud.check().id)
    with pytest.raises(CloudError, match="'proxyHeader': 'PROXY_V2'"):
        cloud.create(gcp.compute.TargetTCPProxy, name="proxy", backendService=service.id, proxyHeader="PROXY_V2")


def test_an_address_is_global_and_of_the_premium_tier(cloud: Cloud) -> None:
    made = cloud.create(gcp.compute.GlobalAddress, name="address")
    assert made.id == "projects/unit/global/addresses/address"
    assert made.outputs["address"]
