"""Anycast addresses of Global Accelerator: their names lead a client to the nearest machine that is healthy.

The emulated API has accelerators, listeners and endpoint groups; what routes by them is here. Numbers are those of the
Global Accelerator Developer Guide, "Health checks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import boto3
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdatatype import A

from infra.regions import REGIONS, distance
from local.dns.health import Check
from local.dns.zones import Found, start_of_authority
from local.layout import Vantage

ORIGIN = dns.name.from_text("awsglobalaccelerator.com")
_TTL_SECONDS = 5
_API_REGION = "us-west-2"


@dataclass(frozen=True)
class Endpoint:
    """A machine behind an accelerator. `check` is how its health is looked at."""

    region: str
    address: str
    check: Check


@dataclass(frozen=True)
class Accelerator:
    """An enabled accelerator, and all that is behind any of its listeners."""

    name: str
    endpoints: tuple[Endpoint, ...]


class GlobalAccelerator:
    """Blocking reads of one account of the emulated AWS."""

    def __init__(self, url: str) -> None:
        self._session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local")  # noqa: S106
        self._url = url
        self._clients: dict[tuple[str, str], Any] = {}

    def read(self) -> tuple[Accelerator, ...]:
        """What is there now. Raises botocore's errors."""
        enabled = [each for each in self._api.list_accelerators()["Accelerators"] if each["Enabled"]]
        return tuple(Accelerator(each["DnsName"], tuple(self._endpoints(each["AcceleratorArn"]))) for each in enabled)

    def _endpoints(self, arn: str) -> Iterator[Endpoint]:
        for listener in self._api.list_listeners(AcceleratorArn=arn)["Listeners"]:
            groups = self._api.list_endpoint_groups(ListenerArn=listener["ListenerArn"])["EndpointGroups"]
            for group in groups:
                region, instances = group["EndpointGroupRegion"], group["EndpointDescriptions"]
                for address in self._addresses(region, [each["EndpointId"] for each in instances]):
                    yield Endpoint(region, address, _check(group, address))

    def _addresses(self, region: str, instances: list[str]) -> list[str]:
        if not instances:
            return []
        wanted = [{"Name": "instance-id", "Values": instances}, {"Name": "instance-state-name", "Values": ["running"]}]
        found = self._client("ec2", region).describe_instances(Filters=wanted)["Reservations"]
        return [each["PublicIpAddress"] for one in found for each in one["Instances"] if "PublicIpAddress" in each]

    @property
    def _api(self) -> Any:
        return self._client("globalaccelerator", _API_REGION)

    def _client(self, service: str, region: str) -> Any:
        """Made once: that takes longer than most calls."""
        if (service, region) not in self._clients:
            made = cast(Any, self._session).client(service, region_name=region, endpoint_url=self._url)
            self._clients[service, region] = made
        return self._clients[service, region]


@dataclass
class AnycastZone:
    """The zone of all accelerators' names. `healthy` is asked for checks by id at each answer."""

    accelerators: Iterable[Accelerator]
    healthy: Callable[[str], bool]
    origin: dns.name.Name = ORIGIN
    soa: dns.rrset.RRset = field(init=False)
    _by_name: Mapping[dns.name.Name, Accelerator] = field(init=False)

    def __post_init__(self) -> None:
        self.soa = start_of_authority(self.origin)
        self._by_name = {dns.name.from_text(each.name): each for each in self.accelerators}

    def find(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, client: Vantage) -> Found:
        accelerator = self._by_name.get(name)
        if accelerator is None:
            return Found(rcode=dns.rcode.NXDOMAIN)
        endpoint = self._nearest(accelerator, client) if rdtype == A else None
        if endpoint is None:
            return Found()
        return Found(dns.rrset.from_text(name, _TTL_SECONDS, dns.rdataclass.IN, A, endpoint.address), by_place=True)

    def _nearest(self, accelerator: Accelerator, client: Vantage) -> Endpoint | None:
        """Where none is healthy, all count as healthy."""
        usable = [each for each in accelerator.endpoints if self.healthy(each.check.id)] or accelerator.endpoints
        return min(usable, key=lambda each: distance(REGIONS[each.region], client), default=None)


def checks(accelerators: Iterable[Accelerator]) -> list[Check]:
    """The health checks of all endpoints."""
    return [endpoint.check for accelerator in accelerators for endpoint in accelerator.endpoints]


def _check(group: Mapping[str, Any], address: str) -> Check:
    return Check(
        id=f"endpoint-{address}",
        type=group["HealthCheckProtocol"],
        address=address,
        port=group["HealthCheckPort"],
        path=group.get("HealthCheckPath", "/"),
        interval=group["HealthCheckIntervalSeconds"],
        failures=group["ThresholdCount"],
    )
