"""Computes the fixed monthly charges of a cloud resource, for each resource type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from costs.prices import Machine, PriceMissing, Prices

Properties = Mapping[str, Any]
# A charge as a tuple: its description, and its amount in US dollars a month.
Charge = tuple[str, float]

_LOCAL_SSD_GB = 375  # the size of each local SSD of a Compute Engine machine (Compute Engine, "About Local SSD disks")
_EC2_BASE, _EC2_LIKE = "us-east-1", "i4i"
_GCE_BASE, _GCE_LIKE = "us-central1", "n2-standard"
_FAST_CHECK_SECONDS = 10
_SUFFIXES = {None: 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
# the size of a root disk without a configured size; it is the size of the Debian machine image
_DEFAULT_ROOT_GB = 8


def charges_of(type_token: str, properties: Properties, prices: Prices) -> Iterator[Charge]:
    """Yields the fixed charges of a cloud resource. Raises PriceMissing if the price table lacks its type, region or
    machine.
    """
    special = _SPECIAL.get(type_token)
    if special is not None:
        yield from special(properties, prices)
    elif type_token in prices.monthly:
        yield _short(type_token), prices.monthly[type_token]
    elif type_token in prices.hourly:
        yield _short(type_token), prices.hourly[type_token] * prices.hours
    elif type_token not in prices.metered and type_token not in prices.free:
        raise PriceMissing([type_token])


def _ec2_instance(properties: Properties, prices: Prices) -> Iterator[Charge]:
    kind, region = str(properties.get("instanceType")), str(properties.get("region"))
    family, _, size = kind.partition(".")
    machine = prices.ec2.get(family)
    units = _ec2_units(size)
    if machine is None or units is None:
        raise PriceMissing([f"EC2 {kind}"])
    yield f"{kind} in {region}", _hourly(machine, region, f"EC2 {kind}") * units * prices.hours
    disk = _part(properties, "rootBlockDevice")
    gigabytes = float(disk.get("volumeSize") or _DEFAULT_ROOT_GB)
    dearer = _ratio(prices.ec2[_EC2_LIKE], region, _EC2_BASE, "EBS gp3")
    yield f"{gigabytes:.0f} GB of EBS in {region}", gigabytes * prices.units["ebs-gp3-gb-month"] * dearer


def _ec2_units(size: str) -> float | None:
    """Returns an EC2 instance size as a multiple of the size `xlarge`, such as 2 for `2xlarge`. The price of a size
    grows in proportion to this number.

    Returns None for an unknown size.
    """
    if size == "large":
        return 0.5
    if size.endswith("xlarge"):
        number = size.removesuffix("xlarge") or "1"
        return float(number) if number.isdigit() else None
    return None


def _gce_instance(properties: Properties, prices: Prices) -> Iterator[Charge]:
    kind, zone = str(properties.get("machineType")), str(properties.get("zone"))
    region = zone.rsplit("-", 1)[0]
    family, _, cores = kind.rpartition("-")
    machine = prices.gce.get(family)
    if machine is None or not cores.isdigit():
        raise PriceMissing([f"Compute Engine {kind}"])
    yield f"{kind} in {region}", _hourly(machine, region, f"Compute Engine {kind}") * int(cores) * prices.hours
    dearer = _ratio(prices.gce[_GCE_LIKE], region, _GCE_BASE, "local SSD")
    for _ in cast(list[object], properties.get("scratchDisks") or []):
        yield f"local SSD in {region}", _LOCAL_SSD_GB * prices.units["local-ssd-gb-month"] * dearer
    boot = _part(_part(properties, "bootDisk"), "initializeParams")
    gigabytes = float(boot.get("size") or _DEFAULT_ROOT_GB)
    monthly = prices.units[f"{boot.get('type', 'pd-standard')}-gb-month"]
    yield f"{gigabytes:.0f} GB of disk in {region}", gigabytes * monthly * dearer


def _health_check(properties: Properties, prices: Prices) -> Iterator[Charge]:
    """Yields the charge of a Route 53 health check. AWS charges less for endpoints on AWS, but the properties of a
    health check do not say where its endpoint is. This function therefore yields the higher charge, that of an endpoint
    outside of AWS.
    """
    if properties.get("type") == "CALCULATED":
        yield "calculated health check", prices.units["health-check-calculated-month"]
        return
    options = [
        properties.get("type") in ("HTTPS", "HTTPS_STR_MATCH"),
        properties.get("requestInterval") == _FAST_CHECK_SECONDS,
        "STR_MATCH" in str(properties.get("type")),
        bool(properties.get("measureLatency")),
    ]
    extra = prices.units["health-check-option-month"] * sum(options)
    yield f"health check with {sum(options)} options", prices.units["health-check-month"] + extra


def _vpc_endpoint(properties: Properties, prices: Prices) -> Iterator[Charge]:
    """Yields the charge of a VPC endpoint. Gateway endpoints are free. AWS charges for an interface endpoint in each of
    its availability zones.
    """
    if properties.get("vpcEndpointType") == "Interface":
        zones = len(properties.get("subnetIds") or []) or 1
        yield f"interface endpoint in {zones} zones", prices.units["vpc-endpoint-hour"] * zones * prices.hours


def _spanner(properties: Properties, prices: Prices) -> Iterator[Charge]:
    edition = str(properties.get("edition"))
    unit = f"spanner-{edition.lower()}-100pu-hour"
    if unit not in prices.units:
        raise PriceMissing([f"Spanner edition {edition}"])
    places = "regional" if "regional-" in str(properties.get("config")) else "multi-region"
    replicas = prices.units[f"spanner-{places}-replicas"]
    hundreds = float(properties.get("processingUnits") or 1000 * float(properties.get("numNodes") or 1)) / 100
    yield f"Spanner, {hundreds * 100:.0f} processing units", prices.units[unit] * hundreds * replicas * prices.hours


def _cloud_run(properties: Properties, prices: Prices) -> Iterator[Charge]:
    """Yields the charge for the minimum instances of a Cloud Run service. The charge does not include further
    instances, because these are charged by use.
    """
    template = _part(properties, "template")
    least = float(_part(template, "scaling").get("minInstanceCount") or 0)
    for container in cast(Sequence[Properties], template.get("containers") or ()):
        limits = _part(_part(container, "resources"), "limits")
        processors = _quantity(str(limits.get("cpu") or 1))
        memory = _quantity(str(limits.get("memory") or "512Mi")) / 2**30
        hourly = processors * prices.units["cloud-run-vcpu-hour"] + memory * prices.units["cloud-run-gib-hour"]
        yield f"Cloud Run, {least:.0f} instances of {processors:g} vCPU", least * hourly * prices.hours


def _quantity(text: str) -> float:
    """Returns the number that a limit of Cloud Run stands for, such as 0.5 for `500m`. Raises PriceMissing if `text` is
    no quantity (Kubernetes API reference, "Quantity").
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(m|[kMG]|[KMG]i)?", text)
    if found is None:
        raise PriceMissing([f"Cloud Run limit {text}"])
    return float(found[1]) * _SUFFIXES[found[2]]


def _part(properties: Properties, name: str) -> Properties:
    return cast(Properties, properties.get(name) or {})


def _hourly(machine: Machine, region: str, what: str) -> float:
    if region not in machine.regions:
        raise PriceMissing([f"{what} in {region}"])
    return machine.regions[region]


def _ratio(machine: Machine, region: str, base: str, what: str) -> float:
    return _hourly(machine, region, what) / machine.regions[base]


def _short(type_token: str) -> str:
    return type_token.rsplit(":", 1)[-1]


_SPECIAL: Mapping[str, Callable[[Properties, Prices], Iterator[Charge]]] = {
    "aws:ec2/instance:Instance": _ec2_instance,
    "gcp:compute/instance:Instance": _gce_instance,
    "aws:route53/healthCheck:HealthCheck": _health_check,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _vpc_endpoint,
    "gcp:spanner/instance:Instance": _spanner,
    "gcp:cloudrunv2/service:Service": _cloud_run,
}
