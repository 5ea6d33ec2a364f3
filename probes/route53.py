"""Probes which record sets a hosted zone of Route 53 refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from probes.aws import AwsAccount, refusal
from probes.fact import Fact, Probe

REFUSED = "InvalidChangeBatch"
_MOST_GEOPROXIMITY = 30


class HostedZone:
    """An empty hosted zone in the probe's AWS account. The zone costs nothing, because AWS does not bill zones that are
    deleted within twelve hours (Route 53 pricing, "Hosted zones").
    """

    def __init__(self, account: AwsAccount) -> None:
        self._account = account
        self._route53 = account.client("route53")
        self.name = f"{account.name('zone')}.test"
        created = self._route53.create_hosted_zone(Name=self.name, CallerReference=self.name)["HostedZone"]
        self.id = created["Id"].removeprefix("/hostedzone/")
        account.later(self._route53.delete_hosted_zone, Id=self.id)

    def create(self, label: str, kind: str, **more: Any) -> str:
        """Tries to create a record set in the zone. Returns `accepted`, or the error code of Route 53. The record set
        is deleted when the probe ends.
        """
        record = {"Name": f"{label}.{self.name}", "Type": kind, **more}
        code = refusal(self._change, action="CREATE", records=[record])
        if code == "accepted":
            self._account.later(self._change, action="DELETE", records=[record])
        return code

    def create_all(self, records: Sequence[dict[str, Any]]) -> None:
        """Creates record sets in the zone, and waits until all name servers of Route 53 have them. The record sets are
        deleted when the probe ends.
        """
        id = self._change(action="CREATE", records=records)
        self._account.later(self._change, action="DELETE", records=records)
        problem = f"not all name servers of Route 53 have the records of {self.name}"
        self._account.until(lambda: self._route53.get_change(Id=id)["ChangeInfo"]["Status"] == "INSYNC", problem)

    def answer(self, label: str) -> str:
        """Returns the values of the TXT record that Route 53 returns to a resolver in Northern Virginia (Route 53 API
        Reference, "TestDNSAnswer": ResolverIP).
        """
        name = f"{label}.{self.name}"
        found = self._route53.test_dns_answer(HostedZoneId=self.id, RecordName=name, RecordType="TXT")
        return " ".join(value.strip('"') for value in found["RecordData"])

    def _change(self, *, action: str, records: Sequence[dict[str, Any]]) -> str:
        """Changes record sets of the zone in one batch. Returns the id of the change."""
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for record in records]}
        made = self._route53.change_resource_record_sets(HostedZoneId=self.id, ChangeBatch=batch)
        return made["ChangeInfo"]["Id"]


def _values(text: str) -> dict[str, Any]:
    return {"TTL": 30, "ResourceRecords": [{"Value": text}]}


def _record_sets(account: AwsAccount) -> Iterator[Fact]:
    zone, address = HostedZone(account), _values("192.0.2.1")
    code = zone.create("www", "A", SetIdentifier="one", Weight=0, **address)
    yield Fact("A zone accepts a record of the weight 0", code == "accepted", code)
    code = zone.create("www", "A", SetIdentifier="two", Region="us-east-1", **address)
    yield Fact("A zone refuses a latency record beside a weighted record of its name", code == REFUSED, code)
    code = zone.create("www", "CNAME", **_values("elsewhere.test"))
    yield Fact("A zone refuses a CNAME record beside an A record", code == REFUSED, code)
    target = {"HostedZoneId": zone.id, "EvaluateTargetHealth": True}
    code = zone.create("alias", "A", AliasTarget={**target, "DNSName": f"missing.{zone.name}"})
    yield Fact("A zone refuses an alias whose target does not exist", code == REFUSED, code)
    code = zone.create("alias", "A", AliasTarget={**target, "DNSName": f"www.{zone.name}"})
    yield Fact("A zone accepts an alias of a weighted record", code == "accepted", code)


def _locations(account: AwsAccount) -> Iterator[Fact]:
    zone, address = HostedZone(account), _values("192.0.2.1")
    texas = {"CountryCode": "US", "SubdivisionCode": "TX"}
    for identifier, place in (("eu", {"ContinentCode": "EU"}), ("tx", texas), ("default", {"CountryCode": "*"})):
        code = zone.create("geo", "A", SetIdentifier=identifier, GeoLocation=place, **address)
        yield Fact(f"A zone accepts a geolocation record of {place}", code == "accepted", code)
    code = zone.create("geo", "A", SetIdentifier="again", GeoLocation={"ContinentCode": "EU"}, **address)
    yield Fact("A zone refuses two geolocation records of one location", code == REFUSED, code)
    both = {"ContinentCode": "EU", "CountryCode": "IE"}
    code = zone.create("both", "A", SetIdentifier="x", GeoLocation=both, **address)
    yield Fact("A geolocation record has no continent beside a country", code == "InvalidInput", code)
    ontario = {"CountryCode": "CA", "SubdivisionCode": "ON"}
    code = zone.create("both", "A", SetIdentifier="x", GeoLocation=ontario, **address)
    yield Fact("A geolocation record has no subdivision of a country other than the US", code == "InvalidInput", code)
    code = zone.create("both", "A", SetIdentifier="x", GeoLocation={"CountryCode": "EH"}, **address)
    yield Fact("A geolocation record is not for the country EH", code == "InvalidInput", code)
    near = {"AWSRegion": "eu-west-1", "Bias": -99}
    code = zone.create("near", "A", SetIdentifier="eu", GeoProximityLocation=near, **address)
    yield Fact("A zone accepts a geoproximity record with the bias -99", code == "accepted", code)
    code = zone.create("near", "A", SetIdentifier="us", Region="us-east-1", **address)
    yield Fact("A zone refuses a latency record beside a geoproximity record of its name", code == REFUSED, code)
    code = zone.create("far", "A", SetIdentifier="x", GeoProximityLocation={**near, "Bias": 100}, **address)
    yield Fact("A geoproximity record has no bias over 99", code == "InvalidInput", code)
    coordinates = {"Latitude": "40.713", "Longitude": "-74"}
    code = zone.create("far", "A", SetIdentifier="x", GeoProximityLocation={"Coordinates": coordinates}, **address)
    yield Fact("Coordinates have at most two decimals", code == "InvalidInput", code)
    yield from _most_records(zone)


def _most_records(zone: HostedZone) -> Iterator[Fact]:
    address, place = _values("192.0.2.1"), {"AWSRegion": "eu-west-1"}
    first = [
        {
            "Name": f"many.{zone.name}",
            "Type": "A",
            "SetIdentifier": str(number),
            "GeoProximityLocation": {**place, "Bias": number},
            **address,
        }
        for number in range(_MOST_GEOPROXIMITY)
    ]
    zone.create_all(first)
    code = zone.create("many", "A", SetIdentifier="more", GeoProximityLocation=place, **address)
    text = f"A name has at most {_MOST_GEOPROXIMITY} geoproximity records of one type"
    yield Fact(text, code != "accepted", code)


PROBES = (
    Probe("route53-record-sets", 'Route 53 API Reference, "ResourceRecordSet"', _record_sets),
    Probe("route53-locations", 'Route 53 API Reference, "GeoLocation" and "GeoProximityLocation"', _locations),
)
