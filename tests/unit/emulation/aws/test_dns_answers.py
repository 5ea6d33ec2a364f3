"""Tests which DNS answers the emulated API of Route 53 returns for a hosted zone. The answers depend on the place of
the client.
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulation.providers.aws.clients import client

pytestmark = pytest.mark.usefixtures("aws_cloud")

IRELAND, SINGAPORE = "198.51.100.7", "203.0.113.7"


def zone(*records: dict[str, Any]) -> str:
    """Creates the hosted zone example.test with the given records, and returns the zone's id."""
    route53 = client("route53")
    id = route53.create_hosted_zone(Name="example.test", CallerReference="1")["HostedZone"]["Id"]
    changes = [
        {"Action": "CREATE", "ResourceRecordSet": {"Name": "www.example.test", "Type": "A", "TTL": 30, **record}}
        for record in records
    ]
    route53.change_resource_record_sets(HostedZoneId=id, ChangeBatch={"Changes": changes})
    return id


def record(identifier: str, address: str, **more: Any) -> dict[str, Any]:
    return {"SetIdentifier": identifier, "ResourceRecords": [{"Value": address}], **more}


EUROPE = record("europe", "192.0.2.1", GeoLocation={"ContinentCode": "EU"})
VIRGINIA = record("virginia", "192.0.2.2", GeoLocation={"CountryCode": "US", "SubdivisionCode": "VA"})
HEALTHY = record("checked", "192.0.2.3", Weight=1, HealthCheckId="any")


def answer(id: str, name: str = "www.example.test", **more: str) -> tuple[str, list[str]]:
    """Returns the answer to a query for A records: its response code and its values."""
    found = client("route53").test_dns_answer(HostedZoneId=id, RecordName=name, RecordType="A", **more)
    return found["ResponseCode"], found["RecordData"]


def test_the_place_of_the_client_decides_and_by_default_it_is_virginia() -> None:
    id = zone(EUROPE, VIRGINIA)
    assert answer(id) == ("NOERROR", ["192.0.2.2"])
    assert answer(id, ResolverIP=IRELAND) == ("NOERROR", ["192.0.2.1"])
    assert answer(id, ResolverIP=IRELAND, EDNS0ClientSubnetIP=SINGAPORE) == ("NOERROR", [])


def test_a_missing_name_does_not_exist() -> None:
    assert answer(zone(EUROPE), "missing.example.test") == ("NXDOMAIN", [])


@pytest.mark.parametrize(
    ("records", "query", "words"),
    [
        ([EUROPE], {"name": "www.example.org"}, "not in the public hosted zone"),
        ([EUROPE], {"EDNS0ClientSubnetIP": "8.8.8.8"}, "not emulated: the location of 8.8.8.8"),
        ([EUROPE], {"EDNS0ClientSubnetIP": IRELAND, "EDNS0ClientSubnetMask": "16"}, "or a subnet mask"),
        ([HEALTHY], {}, "not emulated: TestDNSAnswer for a record with the health check any"),
    ],
)
def test_a_query_that_is_not_emulated_is_refused(
    records: list[dict[str, Any]], query: dict[str, str], words: str
) -> None:
    id = zone(*records)
    with pytest.raises(ClientError, match=words):
        answer(id, **query)
