"""Tests the Geo-DNS records and health checks that the program creates in Route 53."""

from __future__ import annotations

import dataclasses
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from contract.regions import REGIONS, latency_regions, nearest_first
from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra.dns import DnsArgs
from infra.dns.records import value_in_zone
from infra.dns.route53 import Dns
from infra.shield import Node
from tests.support.edge_name import HOSTNAME, EdgeOnCloudflare
from tests.support.harness import deploy

NODES = (
    ("us-east-1-0", "us-east-1", "aws", "192.0.2.1"),
    ("us-east-1-1", "us-east-1", "aws", "192.0.2.2"),
    ("us-east4-0", "us-east4", "gcp", "192.0.2.3"),
)


def records() -> dict[tuple[str, str | None], Any]:
    """Returns all records of the Route 53 zone. The keys are pairs of the record's name and its set identifier."""

    def program() -> None:
        nodes = [
            Node(name, region, "aws" if cloud == "aws" else "gcp", pulumi.Output.from_input(address))
            for name, region, cloud, address in NODES
        ]
        Dns("dns", DnsArgs("artifact-edge.test", HOSTNAME, EdgeOnCloudflare(), nodes, removable=True))

    deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})
    route53 = client("route53")
    zone = route53.list_hosted_zones()["HostedZones"][0]
    listed = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return {(record["Name"].rstrip("."), record.get("SetIdentifier")): record for record in listed}


def check_of(record: Any) -> Any:
    return client("route53").get_health_check(HealthCheckId=record["HealthCheckId"])["HealthCheck"]["HealthCheckConfig"]


@pytest.mark.usefixtures("aws_cloud")
def test_the_hostname_resolves_to_the_edge_while_it_is_healthy() -> None:
    record = records()[HOSTNAME, "cloudflare"]
    assert (record["Type"], record["ResourceRecords"]) == ("CNAME", [{"Value": EdgeOnCloudflare.target}])
    check = check_of(record)
    assert (check["Type"], check["FullyQualifiedDomainName"], check["ResourcePath"]) == ("HTTPS", HOSTNAME, "/healthz")
    assert (check["RequestInterval"], check["FailureThreshold"]) == (10, 3)


@pytest.mark.usefixtures("aws_cloud")
def test_a_health_check_observes_whether_the_edge_has_the_feed_and_withdraws_no_record() -> None:
    found = records()
    checks = {
        check["Id"]: check["HealthCheckConfig"] for check in client("route53").list_health_checks()["HealthChecks"]
    }
    (feed,) = [id for id, config in checks.items() if config.get("ResourcePath") == "/healthz/feed"]
    assert (checks[feed]["FullyQualifiedDomainName"], checks[feed]["RequestInterval"]) == (HOSTNAME, 10)
    assert feed not in {record.get("HealthCheckId") for record in found.values()}


@pytest.mark.usefixtures("aws_cloud")
def test_the_zone_proves_to_the_edge_network_who_controls_the_hostname() -> None:
    found = records()
    assert found[f"_cf-custom-hostname.{HOSTNAME}", None]["ResourceRecords"] == [{"Value": '"proof"'}]
    assert found[f"_acme-challenge.{HOSTNAME}", None]["ResourceRecords"] == [{"Value": "x.dcv.cloudflare.com"}]


@pytest.mark.usefixtures("aws_cloud")
@pytest.mark.parametrize(("present", "value"), [({"TXT": '"proof"', "A": "192.0.2.1"}, "proof"), ({}, "")])
def test_a_record_keeps_its_value_when_the_edge_network_no_longer_says_which_it_expects(
    present: dict[str, str], value: str
) -> None:
    route53, name = client("route53"), f"_cf-custom-hostname.{HOSTNAME}"
    zone = route53.create_hosted_zone(Name="artifact-edge.test", CallerReference="1")["HostedZone"]["Id"]
    for kind, text in present.items():
        record: Any = {"Name": name, "Type": kind, "TTL": 30, "ResourceRecords": [{"Value": text}]}
        batch: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    def program() -> None:
        pulumi.export("value", value_in_zone(zone, name, "TXT", pulumi.InvokeOutputOptions()))
        aws.route53.Zone("any", name="example.com")

    assert deploy(program, handlers(), functions()).outputs["value"] == value


@pytest.mark.usefixtures("aws_cloud")
def test_a_validated_hostname_keeps_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    ownership, delegation = EdgeOnCloudflare.validation_records
    validated = (dataclasses.replace(ownership, value=""), delegation)
    monkeypatch.setattr(EdgeOnCloudflare, "validation_records", validated)
    assert records()[ownership.name, None]["ResourceRecords"] == [{"Value": '"validated"'}]


@pytest.mark.usefixtures("aws_cloud")
def test_each_latency_region_is_used_once_and_google_regions_use_a_near_one() -> None:
    found = records()
    assert found["shield.artifact-edge.test", "us-east-1"]["Region"] == "us-east-1"
    assert found["shield.artifact-edge.test", "us-east4"]["Region"] == "us-east-2"


@pytest.mark.usefixtures("aws_cloud")
def test_every_machine_has_a_separate_name() -> None:
    found = records()
    for name, _, _, address in NODES:
        assert found[f"{name}.shield.artifact-edge.test", None]["ResourceRecords"] == [{"Value": address}]


@pytest.mark.usefixtures("aws_cloud")
def test_a_shield_region_answers_while_one_of_its_machines_is_healthy() -> None:
    record = records()["shield.artifact-edge.test", "us-east-1"]
    assert [value["Value"] for value in record["ResourceRecords"]] == ["192.0.2.1", "192.0.2.2"]
    check = check_of(record)
    assert (check["Type"], check["HealthThreshold"]) == ("CALCULATED", 1)
    route53 = client("route53")
    children = [
        route53.get_health_check(HealthCheckId=child)["HealthCheck"]["HealthCheckConfig"]
        for child in check["ChildHealthChecks"]
    ]
    assert sorted(child["IPAddress"] for child in children) == ["192.0.2.1", "192.0.2.2"]
    assert {(child["Type"], child["Port"], child["ResourcePath"]) for child in children} == {("HTTP", 8080, "/healthz")}


def test_the_nearest_region_comes_first() -> None:
    assert nearest_first("eu-west-1", ["us-east-1", "ap-southeast-1", "eu-central-1"]) == [
        "eu-central-1",
        "us-east-1",
        "ap-southeast-1",
    ]
    assert nearest_first("ap-southeast-2", ["sa-east-1", "us-west-2", "eu-west-1"])[-1] == "eu-west-1"


def test_every_google_region_finds_an_aws_region_that_no_other_has() -> None:
    chosen = latency_regions(["us-east-1", *(name for name, region in REGIONS.items() if region.cloud == "gcp")])
    assert len(set(chosen.values())) == len(chosen)
    assert {REGIONS[name].cloud for name in chosen.values()} == {"aws"}


def test_regions_beyond_the_number_of_aws_regions_have_no_latency_record() -> None:
    chosen = latency_regions(REGIONS)
    aws = {name for name, region in REGIONS.items() if region.cloud == "aws"}
    assert chosen == {name: name for name in aws}
    some = latency_regions([*sorted(aws)[:-2], *(name for name in REGIONS if name not in aws)])
    assert len(some) == len(set(some.values())) == len(aws)
