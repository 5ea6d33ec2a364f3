"""Tests which changes of DNS records the emulated Route 53 refuses. The real Route 53 refuses the same changes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.aws import record_sets
from emulation.providers.aws.clients import client

pytestmark = pytest.mark.usefixtures("aws_cloud")


class Zone:
    """The hosted zone example.test of the emulated Route 53."""

    def __init__(self) -> None:
        created = client("route53").create_hosted_zone(Name="example.test", CallerReference="1")
        self.id = created["HostedZone"]["Id"].removeprefix("/hostedzone/")

    def change(self, *changes: tuple[str, dict[str, Any]], code: str = "InvalidChangeBatch") -> str:
        """Sends one batch of changes to Route 53. Returns an empty string if Route 53 accepts the batch, and otherwise
        the error message. Asserts that the error has the error code `code`.
        """
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
        try:
            client("route53").change_resource_record_sets(HostedZoneId=self.id, ChangeBatch=batch)
        except ClientError as error:
            details: Any = error.response
            assert details["Error"]["Code"] == code
            return details["Error"]["Message"]
        return ""

    def alias(self, name: str, target: str, **more: Any) -> dict[str, Any]:
        wanted = {"HostedZoneId": self.id, "DNSName": f"{target}.example.test", "EvaluateTargetHealth": True}
        return {"Name": f"{name}.example.test", "Type": "A", "AliasTarget": wanted, **more}

    def identifiers(self, name: str) -> list[str]:
        listed = client("route53").list_resource_record_sets(HostedZoneId=self.id)["ResourceRecordSets"]
        return sorted(each.get("SetIdentifier", "") for each in listed if each["Name"] == f"{name}.example.test.")


def record(name: str, kind: str = "A", value: str = "192.0.2.1", **more: Any) -> dict[str, Any]:
    return {"Name": f"{name}.example.test", "Type": kind, "TTL": 30, "ResourceRecords": [{"Value": value}], **more}


WEIGHTED = record("www", SetIdentifier="one", Weight=0)
LATENCY = record("www", SetIdentifier="two", Region="us-east-1")


def located(identifier: str, **place: str) -> dict[str, Any]:
    """Returns a geolocation record. `place` contains the fields of the record's location in the Route 53 API."""
    return record("www", SetIdentifier=identifier, GeoLocation=place)


def near(identifier: str, **place: Any) -> dict[str, Any]:
    """Returns a geoproximity record. `place` contains the fields of the record's location in the Route 53 API."""
    return record("www", SetIdentifier=identifier, GeoProximityLocation=place)


EUROPE = located("three", ContinentCode="EU")
NEAR = near("four", AWSRegion="eu-west-1", Bias=-5)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (WEIGHTED, LATENCY),
        (LATENCY, record("www")),
        (record("www"), WEIGHTED),
        (LATENCY, EUROPE),
        (EUROPE, NEAR),
        (NEAR, LATENCY),
    ],
)
def test_the_records_of_a_name_and_type_have_one_routing_policy(first: dict[str, Any], second: dict[str, Any]) -> None:
    zone = Zone()
    assert zone.change(("CREATE", first)) == ""
    refused = zone.change(("CREATE", second))
    assert "www.example.test., type A cannot be created as other RRSets exist with the same name and type" in refused
    assert zone.identifiers("www") == [first.get("SetIdentifier", "")]
    # Route 53 applies all changes of one request together. One request can therefore delete a record and replace it by
    # a record with another routing policy.
    assert zone.change(("DELETE", first), ("CREATE", second)) == ""


def test_a_record_of_the_weight_zero_stands_beside_others() -> None:
    zone = Zone()
    for identifier, weight in (("one", 0), ("two", 0), ("three", 1)):
        assert zone.change(("UPSERT", record("www", SetIdentifier=identifier, Weight=weight))) == ""
    listed = client("route53").list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"]
    weights = {each["SetIdentifier"]: each.get("Weight") for each in listed if "SetIdentifier" in each}
    assert weights == {"one": 0, "two": 0, "three": 1}


def test_a_name_with_a_cname_has_no_record_of_another_type() -> None:
    zone = Zone()
    assert zone.change(("CREATE", record("www", "CNAME", "elsewhere.test"))) == ""
    assert "because a conflicting RRSet of type CNAME" in zone.change(("CREATE", WEIGHTED))
    assert zone.change(("CREATE", record("node"))) == ""
    assert "RRSet of type CNAME" in zone.change(("CREATE", record("node", "CNAME", "elsewhere.test")))


def test_an_alias_needs_a_record_of_its_type_at_its_target() -> None:
    zone = Zone()
    assert "targets node.example.test., type A" in zone.change(("CREATE", zone.alias("www", "node")))
    assert zone.change(("CREATE", record("node", "AAAA", "2001:db8::1"))) == ""
    assert "but that target was not found" in zone.change(("CREATE", zone.alias("www", "node")))
    assert zone.change(("CREATE", record("node")), ("CREATE", zone.alias("www", "node"))) == ""


def test_a_deleted_record_leaves_those_of_other_names_with_its_identifier() -> None:
    zone = Zone()
    both = [record(name, SetIdentifier="eu-west-1", Region="eu-west-1") for name in ("shield", "pops")]
    assert zone.change(*(("CREATE", each) for each in both)) == ""
    assert zone.change(("DELETE", both[1])) == ""
    assert (zone.identifiers("shield"), zone.identifiers("pops")) == (["eu-west-1"], [])


def test_an_alias_of_an_accelerator_needs_an_accelerator_with_addresses_of_its_type() -> None:
    zone = Zone()
    made = client("globalaccelerator", {"region": "us-west-2"}).create_accelerator(Name="edge", IdempotencyToken="t")
    known = made["Accelerator"]["DnsName"]

    def alias(target: str, kind: str = "A") -> str:
        wanted = {"HostedZoneId": "Z2BJ6XQ5FK7U4H", "DNSName": target, "EvaluateTargetHealth": False}
        return zone.change(("UPSERT", {"Name": "www.example.test", "Type": kind, "AliasTarget": wanted}))

    assert alias(known) == ""
    assert "but that target was not found" in alias("a0123456789abcdef.awsglobalaccelerator.com")
    assert "does not lie within the target zone" in alias("edge.example.test")
    # This accelerator has only IPv4 addresses. Its DNS name therefore has no AAAA record, and an AAAA alias has no
    # target.
    assert "but that target was not found" in alias(known, "AAAA")


def test_records_keep_their_locations() -> None:
    zone = Zone()
    texas = record("geo", SetIdentifier="tx", GeoLocation={"CountryCode": "US", "SubdivisionCode": "TX"})
    at = near("at", Coordinates={"Latitude": "1.35", "Longitude": "103.80"}, Bias=99)
    assert zone.change(("CREATE", texas), ("CREATE", NEAR), ("CREATE", at)) == ""
    assert zone.change(("UPSERT", near("at", Coordinates={"Latitude": "-90", "Longitude": "-180"}))) == ""
    listed = client("route53").list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"]
    found = {each["SetIdentifier"]: each for each in listed if "SetIdentifier" in each}
    assert found["tx"]["GeoLocation"] == {"CountryCode": "US", "SubdivisionCode": "TX"}
    assert found["four"]["GeoProximityLocation"] == {"AWSRegion": "eu-west-1", "Bias": -5}
    assert found["at"]["GeoProximityLocation"] == {"Coordinates": {"Latitude": "-90", "Longitude": "-180"}}


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (located("x", ContinentCode="EU", CountryCode="IE"), "ContinentCode excludes CountryCode"),
        (located("x", ContinentCode="XX"), "XX is no code of a continent"),
        (located("x", CountryCode="ie"), "ie is no code of a country"),
        (located("x", CountryCode="EH"), "no geolocation records for the country EH"),
        (located("x", CountryCode="CA", SubdivisionCode="ON"), "ON is no state of the country US"),
        (near("x", Bias=1), "exactly one of AWSRegion, LocalZoneGroup and Coordinates"),
        (
            near("x", AWSRegion="eu-west-1", Coordinates={"Latitude": "1", "Longitude": "1"}),
            "exactly one of AWSRegion, LocalZoneGroup and Coordinates",
        ),
        (near("x", AWSRegion="eu-west-1", Bias=100), "Bias 100 is not from -99 to 99"),
        (near("x", AWSRegion="europe-west1"), "europe-west1 is no AWS region"),
        (near("x", Coordinates={"Latitude": "40.713", "Longitude": "1"}), "Latitude '40.713' is not a number"),
        (near("x", Coordinates={"Latitude": "40", "Longitude": "181"}), "Longitude '181' is not a number"),
    ],
)
def test_a_location_that_route_53_does_not_know_is_invalid(wanted: dict[str, Any], reason: str) -> None:
    zone = Zone()
    assert reason in zone.change(("CREATE", wanted), code="InvalidInput")
    assert zone.identifiers("www") == []


@pytest.mark.parametrize(
    ("first", "second"), [(EUROPE, located("other", ContinentCode="EU")), (LATENCY, {**LATENCY, "SetIdentifier": "x"})]
)
def test_two_records_of_a_name_have_different_locations(first: dict[str, Any], second: dict[str, Any]) -> None:
    zone = Zone()
    assert zone.change(("CREATE", first)) == ""
    assert "a record set with the same" in zone.change(("CREATE", second))
    assert zone.change(("DELETE", first), ("CREATE", second)) == ""


@pytest.mark.parametrize(
    ("records", "most"),
    [
        ([near(str(number), AWSRegion="eu-west-1", Bias=number) for number in range(31)], 30),
        ([record("www", SetIdentifier=str(number), Weight=1) for number in range(101)], 100),
    ],
)
def test_a_name_has_a_limited_number_of_records(records: list[dict[str, Any]], most: int) -> None:
    zone = Zone()
    assert f"at most {most} record sets" in zone.change(*(("CREATE", each) for each in records))
    assert zone.change(*(("CREATE", each) for each in records[:most])) == ""


def test_of_two_simultaneous_changes_neither_undoes_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    zone, change = Zone(), record_sets._CHANGE  # pyright: ignore[reportPrivateUsage]
    assert zone.change(("CREATE", record("first")), ("CREATE", record("second"))) == ""
    is_halfway, second_is_done = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> None:
        change(*arguments)
        if not is_halfway.is_set():
            is_halfway.set()
            second_is_done.wait(0.5)

    monkeypatch.setattr(record_sets, "_CHANGE", slow)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(zone.change, ("DELETE", record("first")))
        assert is_halfway.wait(60)
        assert zone.change(("DELETE", record("second"))) == ""
        second_is_done.set()
        assert first.result() == ""
    assert (zone.identifiers("first"), zone.identifiers("second")) == ([], [])
