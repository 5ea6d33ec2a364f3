"""Probes of Compute Engine. They check which boot disks and firewall rules Compute Engine refuses, and whether an
external address belongs to only one instance at a time.

`instances.insert` has no option that only validates a request. The probes of boot disks and firewall rules cost
nothing, because Compute Engine refuses what they ask for. `gce-external-addresses` runs one instance of the type
e2-micro, with one address, for a minute or two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import requests

from probes.fact import Fact, Probe, ProbeError
from probes.google_project import GoogleProject

# A zone that offers many machine series. If the zone lacks a series, the probe prints the error message of Compute
# Engine.
_REGION, _ZONE = "us-central1", "us-central1-a"
_IMAGE = "projects/debian-cloud/global/images/family/debian-12"
_ACCEPTED = "accepted"


class _Compute:
    """Creates instances and external addresses in a Google Cloud project."""

    def __init__(self, project: GoogleProject) -> None:
        self._project = project
        self._url = f"https://compute.googleapis.com/compute/v1/projects/{project.id}"

    def create_instance(self, kind: str, machine_type: str, disk_type: str = "", address: str = "") -> str:
        """Tries to create an instance. Returns `accepted`, or the error message. The instance is deleted when the probe
        ends. Without `disk_type`, the request names no type for the boot disk. Without `address`, the instance has no
        external address.
        """
        disk = {"sourceImage": f"{_IMAGE}-arm64" if machine_type.startswith("c4a-") else _IMAGE}
        if disk_type:
            disk["diskType"] = f"zones/{_ZONE}/diskTypes/{disk_type}"
        access = [{"type": "ONE_TO_ONE_NAT", "natIP": address}] if address else []
        wanted = {
            "name": self._project.name(kind),
            "machineType": f"zones/{_ZONE}/machineTypes/{machine_type}",
            "disks": [{"boot": True, "autoDelete": True, "initializeParams": disk}],
            "networkInterfaces": [{"accessConfigs": access}],
        }
        return self._create(f"zones/{_ZONE}/instances", wanted)

    def create_firewall_rule(self, kind: str, **rule: Any) -> str:
        """Tries to create a firewall rule for the network `default`. Returns `accepted`, or the error message."""
        network = f"projects/{self._project.id}/global/networks/default"
        return self._create("global/firewalls", {"name": self._project.name(kind), "network": network, **rule})

    def create_global(self, collection: str, kind: str, **fields: Any) -> str:
        """Tries to create a global resource. Returns `accepted`, or the error message."""
        return self._create(f"global/{collection}", {"name": self._project.name(kind), **fields})

    def path(self, collection: str, kind: str) -> str:
        """Returns the path of a global resource, by which other resources refer to it."""
        return f"projects/{self._project.id}/global/{collection}/{self._project.name(kind)}"

    def reserve_address(self) -> str:
        """Reserves an external address, which is released when the probe ends. Returns the address."""
        name = self._project.name("address")
        result = self._create(f"regions/{_REGION}/addresses", {"name": name})
        if result != _ACCEPTED:
            raise ProbeError(f"Compute Engine reserves no address: {result}")
        reserved = self._project.send("addresses get", "GET", f"{self._url}/regions/{_REGION}/addresses/{name}")
        return reserved.json()["address"]

    def _create(self, collection: str, wanted: Mapping[str, Any]) -> str:
        url, kind = f"{self._url}/{collection}", collection.rpartition("/")[2]
        answer = self._project.send(f"{kind} insert", "POST", url, wanted)
        if answer.ok:
            self._project.later(self._delete, kind, f"{url}/{wanted['name']}")
        return self._result(answer)

    def _delete(self, kind: str, url: str) -> None:
        """Deletes a resource. Ignores a missing resource, because its creation may have failed."""
        answer = self._project.send(f"{kind} delete", "DELETE", url)
        result = self._result(answer)
        if result != _ACCEPTED and answer.status_code != requests.codes.not_found:
            raise ProbeError(f"Compute Engine does not delete {url}; delete it yourself: {result}")

    def _result(self, answer: requests.Response) -> str:
        """Waits until Compute Engine has completed the operation that a request started. Returns `accepted`, or the
        error message of the request or of the operation.
        """
        document = answer.json()
        while answer.ok and document.get("status") in ("PENDING", "RUNNING") and "operationType" in document:
            answer = self._project.send("operations wait", "POST", f"{document['selfLink']}/wait")
            document = answer.json()
        error = document.get("error")
        if not error:
            return _ACCEPTED
        return error.get("message") or error["errors"][0]["message"]


def _boot_disks(project: GoogleProject) -> Iterator[Fact]:
    compute = _Compute(project)
    for series, machine_type in (("C3", "c3-standard-4"), ("C4", "c4-standard-2")):
        result = compute.create_instance(series.lower(), machine_type)
        text = f"A boot disk without a type is pd-standard, which {series} refuses"
        yield Fact(text, "pd-standard" in result, result)
    for series, machine_type in (("C4", "c4-standard-2"), ("C4A", "c4a-standard-1"), ("C4D", "c4d-standard-2")):
        for kind in ("pd-balanced", "pd-ssd"):
            # The instance's name must not contain the disk type. The check `kind in result` looks for the disk type in
            # the error message, which can also contain the name.
            name = f"{series.lower()}-{kind.removeprefix('pd-')}"
            result = compute.create_instance(name, machine_type, kind)
            yield Fact(f"{series} does not boot from {kind}", kind in result, result)


def _firewall_rules(project: GoogleProject) -> Iterator[Fact]:
    compute = _Compute(project)
    https = [{"IPProtocol": "tcp", "ports": ["443"]}]
    example = ["192.0.2.0/24"]
    for kind, field, direction in (("in", "destinationRanges", "INGRESS"), ("out", "sourceRanges", "EGRESS")):
        result = compute.create_firewall_rule(kind, direction=direction, allowed=https, **{field: example})
        yield Fact(f"A rule for {direction} traffic has no {field}", result != _ACCEPTED, result)
    result = compute.create_firewall_rule("both", direction="EGRESS", allowed=https, denied=https)
    yield Fact("A rule does not both allow and deny", result != _ACCEPTED, result)
    result = compute.create_firewall_rule("far", direction="EGRESS", allowed=https, priority=65536)
    yield Fact("The largest priority is 65535", result != _ACCEPTED, result)


def _load_balancers(project: GoogleProject) -> Iterator[Fact]:
    compute = _Compute(project)
    https = {"requestPath": "/healthz", "portSpecification": "USE_SERVING_PORT", "proxyHeader": "PROXY_V1"}
    result = compute.create_global("healthChecks", "slow", type="HTTPS", httpsHealthCheck=https, timeoutSec=11)
    yield Fact("A health check waits no longer than its interval", result != _ACCEPTED, result)
    given = {"type": "HTTPS", "checkIntervalSec": 10, "timeoutSec": 5, "httpsHealthCheck": https}
    result = compute.create_global("healthChecks", "check", **given)
    yield Fact("A health check sends a PROXY header to the port of an endpoint", result == _ACCEPTED, result)
    scheme = "EXTERNAL_MANAGED"
    checks = [compute.path("healthChecks", "check")]
    service = {"protocol": "TCP", "loadBalancingScheme": scheme, "healthChecks": checks}
    result = compute.create_global("backendServices", "service", **service)
    yield Fact("A backend service for TCP can be global", result == _ACCEPTED, result)
    target = {"service": compute.path("backendServices", "service"), "proxyHeader": "PROXY_V1"}
    result = compute.create_global("targetTcpProxies", "proxy", **target)
    yield Fact("A target proxy sends a PROXY header", result == _ACCEPTED, result)
    rule = {"target": compute.path("targetTcpProxies", "proxy"), "IPProtocol": "TCP"}
    for kind, what, fields in (
        ("ports", "two ports", {"portRange": "443-444", "loadBalancingScheme": scheme}),
        ("tier", "the standard tier", {"portRange": "443", "loadBalancingScheme": scheme, "networkTier": "STANDARD"}),
        ("scheme", "another scheme than its service", {"portRange": "443", "loadBalancingScheme": "EXTERNAL"}),
    ):
        result = compute.create_global("forwardingRules", kind, **rule, **fields)
        yield Fact(f"A global forwarding rule with {what} is refused", result != _ACCEPTED, result)


def _external_addresses(project: GoogleProject) -> Iterator[Fact]:
    compute = _Compute(project)
    address = compute.reserve_address()
    result = compute.create_instance("first", "e2-micro", address=address)
    yield Fact("An instance gets a reserved external address", result == _ACCEPTED, result)
    result = compute.create_instance("second", "e2-micro", address=address)
    yield Fact("Another instance with this address is refused", "already" in result, result)


PROBES = (
    Probe("gce-boot-disks", 'Compute Engine, "Choose a disk type"', _boot_disks),
    Probe("gce-firewall-rules", 'Compute Engine API v1, "firewalls"', _firewall_rules),
    Probe("gce-load-balancers", 'Compute Engine API v1, "forwardingRules"', _load_balancers),
    Probe("gce-external-addresses", "hashicorp/terraform, issue 3841", _external_addresses),
)
