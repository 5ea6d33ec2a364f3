"""Tests which resource types cost money. An unknown resource type must never be treated as free."""

from __future__ import annotations

from typing import Any

import pytest

from costs import Estimate, PriceMissing, Resource, estimate

SHIELD = "artifact-edge:shield:Ec2Shield"


def resource(type_token: str, name: str = "x", within: str = "", **properties: Any) -> Resource:
    chain = f"{within}$" if within else ""
    return Resource(type_token, f"urn:pulumi:prod::artifact-edge::{chain}{type_token}::{name}", properties)


def machine(kind: str, region: str, **properties: Any) -> Resource:
    return resource("aws:ec2/instance:Instance", within=SHIELD, instanceType=kind, region=region, **properties)


def gce(kind: str, zone: str, **properties: Any) -> Resource:
    return resource("gcp:compute/instance:Instance", within=SHIELD, machineType=kind, zone=zone, **properties)


def cost(*resources: Resource) -> float:
    return estimate(resources).total


def test_a_machine_is_paid_by_the_hour_with_its_disk() -> None:
    found = estimate([machine("i4i.2xlarge", "us-east-1", rootBlockDevice={"volumeSize": 16})])
    assert [line.monthly for line in found.lines] == pytest.approx([0.6864 * 730, 16 * 0.08])
    assert cost(machine("i4i.large", "eu-west-1")) == pytest.approx(0.1892 * 730 + 8 * 0.08 * 0.3784 / 0.3432)


def test_a_machine_on_google_is_paid_by_core_with_its_local_disks() -> None:
    found = estimate(
        [
            gce(
                "n2-standard-8",
                "us-central1-b",
                scratchDisks=[{"interface": "NVME"}] * 2,
                bootDisk={"initializeParams": {"size": 16}},
            )
        ]
    )
    assert [line.monthly for line in found.lines] == pytest.approx([0.388472 * 730, 30, 30, 0.64])
    assert cost(gce("n2-standard-8", "southamerica-east1-b")) > found.total - 60


def test_health_checks_cost_by_their_features() -> None:
    check = "aws:route53/healthCheck:HealthCheck"
    assert cost(resource(check, type="HTTPS", requestInterval=10)) == pytest.approx(0.75 + 2 + 2)
    assert cost(resource(check, type="HTTP", requestInterval=10.0)) == pytest.approx(0.75 + 2)
    assert cost(resource(check, type="HTTP", requestInterval=30)) == pytest.approx(0.75)
    assert cost(resource(check, type="CALCULATED")) == pytest.approx(0.5)


def test_an_interface_endpoint_is_paid_by_zone_and_a_gateway_is_free() -> None:
    endpoint = "aws:ec2/vpcEndpoint:VpcEndpoint"
    assert cost(resource(endpoint, vpcEndpointType="Gateway")) == 0
    assert cost(resource(endpoint, vpcEndpointType="Interface", subnetIds=["a", "b"])) == pytest.approx(14.6)


def test_a_database_is_paid_by_replica_and_has_three_in_one_region() -> None:
    instance = "gcp:spanner/instance:Instance"
    one = cost(resource(instance, edition="STANDARD", config="regional-us-east4", processingUnits=100))
    # Google names 65 US dollars a month for the smallest instance in one region.
    assert one == pytest.approx(65.7)
    spread = resource(instance, edition="ENTERPRISE_PLUS", config="nam3", processingUnits=200)
    assert cost(spread) == pytest.approx(0.057 * 2 * 5 * 730)


def test_minimum_instances_cost_all_the_time() -> None:
    def service(least: int, cpu: str = "1", memory: str = "512Mi") -> Resource:
        containers = [{"resources": {"limits": {"cpu": cpu, "memory": memory}}}]
        template = {"scaling": {"minInstanceCount": least}, "containers": containers}
        return resource("gcp:cloudrunv2/service:Service", template=template)

    assert cost(service(0)) == 0
    assert cost(service(2)) == pytest.approx(2 * (0.0648 + 0.0036) * 730)
    assert cost(service(2, "1000m", "536870912")) == pytest.approx(cost(service(2)))
    assert cost(service(2, "1", "512M")) == pytest.approx(2 * (0.0648 + 0.0036 * 512e6 / 2**29) * 730)
    with pytest.raises(PriceMissing, match="Cloud Run limit plenty"):
        cost(service(2, "1", "plenty"))


def test_costs_are_grouped_by_component_the_highest_first() -> None:
    found = estimate(
        [
            resource("aws:kms/key:Key", within="artifact-edge:keys:AwsKeys"),
            machine("i4i.large", "us-east-1"),
            resource("aws:kms/key:Key"),
            resource("aws:kms/key:Key", "y"),
        ]
    )
    assert list(found.by_tier()) == ["shield", "stack", "keys"]
    assert found.by_tier()["stack"] == 2
    assert sum(found.by_tier().values()) == pytest.approx(found.total)


def test_usage_based_and_free_resources_are_listed_outside_the_total() -> None:
    found = estimate(
        [
            resource("aws:s3/bucket:Bucket", "a"),
            resource("aws:s3/bucket:Bucket", "b"),
            resource("aws:iam/role:Role"),
            resource("artifact-edge:dns:Dns"),
            resource("pulumi:pulumi:Stack"),
        ]
    )
    assert found == Estimate([], {"aws:s3/bucket:Bucket": 2}, {"aws:iam/role:Role": 1})
    assert found.total == 0


def test_all_resources_without_a_price_are_named_together() -> None:
    with pytest.raises(PriceMissing) as raised:
        cost(
            resource("aws:rds/cluster:Cluster"),
            machine("m7i.large", "us-east-1"),
            machine("i4i.large", "mx-central-1"),
            machine("i4i.metal", "us-east-1"),
            gce("n2-standard-8", "us-west4-a"),
            gce("z3-highmem-88", "us-central1-a"),
            resource("gcp:spanner/instance:Instance", edition="FREE"),
            machine("i4i.large", "us-east-1"),
        )
    assert str(raised.value).splitlines() == [
        f"{what}: no price; add it to costs/prices.toml"
        for what in (
            "aws:rds/cluster:Cluster",
            "EC2 m7i.large",
            "EC2 i4i.large in mx-central-1",
            "EC2 i4i.metal",
            "Compute Engine n2-standard-8 in us-west4",
            "Compute Engine z3-highmem-88",
            "Spanner edition FREE",
        )
    ]
