"""Converts Route 53 record sets from the API's form into Python classes, and refuses record sets that are not
emulated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.exception import DNSException

from contract.regions import REGIONS

# The hosted zone ID that a Route 53 alias record for an accelerator must contain. The ID is the same for all
# accelerators of Global Accelerator (Route 53 API Reference, "AliasTarget": HostedZoneId).
ACCELERATORS_ZONE = "Z2BJ6XQ5FK7U4H"


class RefusedRecord(Exception):
    """Raised for a Route 53 record set that the emulation does not support. The error's message names the record set
    and the reason.
    """


@dataclass(frozen=True)
class Simple:
    """Route 53's simple routing: a name has only one record set of each type."""


@dataclass(frozen=True)
class Weighted:
    """Route 53's weighted routing. The share of DNS answers that contain a record set is proportional to its `weight`
    (0 to 255).
    """

    weight: int


@dataclass(frozen=True)
class Latency:
    """Route 53's latency routing. Route 53 chooses the record set whose AWS region has the lowest latency for the
    client. The emulation chooses the nearest region, because the sandbox cannot measure latency.
    """

    region: str


@dataclass(frozen=True)
class Geolocation:
    """Route 53's geolocation routing: DNS answers contain the record set of the client's continent or country. The
    country `*` matches all clients that no other record set matches.

    Either `continent` or `country` is set. A record set for a state of the US has both `country` and `subdivision`.
    """

    continent: str = ""
    country: str = ""
    subdivision: str = ""


@dataclass(frozen=True)
class Geoproximity:
    """Route 53's geoproximity routing: DNS answers contain the record set with the smallest distance to the client.
    Route 53 first multiplies the distance of each record set by 1 - `bias` / 100. The bias is from -99 to 99.
    """

    latitude: float
    longitude: float
    bias: int = 0


@dataclass(frozen=True)
class Failover:
    """Route 53's failover routing: DNS answers contain the primary record set as long as it is healthy."""

    primary: bool


@dataclass(frozen=True)
class Multivalue:
    """Route 53's multivalue answer routing: one DNS answer contains up to eight healthy record sets."""


Policy = Simple | Weighted | Latency | Geolocation | Geoproximity | Failover | Multivalue


@dataclass(frozen=True)
class Alias:
    """A Route 53 alias to the name `target` in the zone. A DNS answer for the alias contains the records of `target`
    whose type is that of the alias.

    If `is_accelerator` is true, `target` is the name of an accelerator of Global Accelerator, and not a name in the
    zone.
    """

    target: dns.name.Name
    evaluate_target_health: bool
    is_accelerator: bool = False


@dataclass(frozen=True)
class RecordSet:
    """One record set of a Route 53 zone. If the record set is an alias, `values` is empty and the target decides the
    TTL."""

    name: dns.name.Name
    type: dns.rdatatype.RdataType
    policy: Policy
    ttl: int = 0
    values: tuple[dns.rdata.Rdata, ...] = ()
    alias: Alias | None = None
    identifier: str = ""
    health_check: str | None = None


_POLICY_KEYS = {
    "Weight": "weighted",
    "Region": "latency",
    "GeoLocation": "geolocation",
    "Failover": "failover",
    "MultiValueAnswer": "multivalue answer",
    "CidrRoutingConfig": "IP-based",
    "GeoProximityLocation": "geoproximity",
}


def parse(raw: Mapping[str, Any], zone_id: str) -> RecordSet:
    """Returns one Route 53 record set. `raw` is the record set as `ListResourceRecordSets` of the Route 53 API returns
    it. Raises RefusedRecord when the record set is not emulated.
    """
    title = f"{raw['Name']} {raw['Type']}"
    record_type = dns.rdatatype.from_text(raw["Type"])
    return RecordSet(
        name=dns.name.from_text(raw["Name"]),
        type=record_type,
        policy=_policy(raw, title),
        ttl=int(raw.get("TTL", 0)),
        values=tuple(_value(text["Value"], record_type, title) for text in raw.get("ResourceRecords", [])),
        alias=_alias(raw["AliasTarget"], zone_id, title) if "AliasTarget" in raw else None,
        identifier=raw.get("SetIdentifier", ""),
        health_check=raw.get("HealthCheckId"),
    )


def _policy(raw: Mapping[str, Any], title: str) -> Policy:
    # The comparison must skip False and keep 0, which is a valid weight of the weighted routing policy. `!= False`
    # would also skip 0, because 0 == False in Python.
    named = [key for key in _POLICY_KEYS if raw.get(key) is not None and raw[key] is not False]
    match named:
        case []:
            if raw.get("SetIdentifier"):
                raise RefusedRecord(f"{title}: has a set identifier but no routing policy that the emulated API keeps")
            return Simple()
        case ["Weight"]:
            return Weighted(int(raw["Weight"]))
        case ["Region"]:
            if raw["Region"] not in REGIONS:
                raise RefusedRecord(f"{title}: no coordinates are known of region {raw['Region']}")
            return Latency(raw["Region"])
        case ["GeoLocation"]:
            place = raw["GeoLocation"]
            return Geolocation(
                place.get("ContinentCode") or "", place.get("CountryCode") or "", place.get("SubdivisionCode") or ""
            )
        case ["GeoProximityLocation"]:
            return _geoproximity(raw["GeoProximityLocation"], title)
        case ["Failover"]:
            return Failover(raw["Failover"] == "PRIMARY")
        case ["MultiValueAnswer"]:
            return Multivalue()
        case [*keys]:
            policies = " with ".join(_POLICY_KEYS[key] for key in keys)
            raise RefusedRecord(f"{title}: routing policy not emulated: {policies}")


def _geoproximity(place: Mapping[str, Any], title: str) -> Geoproximity:
    bias = int(place.get("Bias") or 0)
    if place.get("LocalZoneGroup"):
        raise RefusedRecord(f"{title}: no coordinates are known of local zone group {place['LocalZoneGroup']}")
    if coordinates := place.get("Coordinates"):
        return Geoproximity(float(coordinates["Latitude"]), float(coordinates["Longitude"]), bias)
    if place["AWSRegion"] not in REGIONS:
        raise RefusedRecord(f"{title}: no coordinates are known of region {place['AWSRegion']}")
    region = REGIONS[place["AWSRegion"]]
    return Geoproximity(region.latitude, region.longitude, bias)


def _value(text: str, record_type: dns.rdatatype.RdataType, title: str) -> dns.rdata.Rdata:
    try:
        return dns.rdata.from_text(dns.rdataclass.IN, record_type, text, origin=dns.name.root, relativize=False)
    except DNSException as error:
        raise RefusedRecord(f"{title}: value {text!r} is not accepted: {error}") from error


def _alias(raw: Mapping[str, Any], zone_id: str, title: str) -> Alias:
    if raw["HostedZoneId"] == ACCELERATORS_ZONE:
        if raw["EvaluateTargetHealth"]:
            reason = "Route 53's documents do not say how it evaluates the health of an accelerator"
            raise RefusedRecord(f"{title}: alias not emulated: {reason}")
        return Alias(dns.name.from_text(raw["DNSName"]), evaluate_target_health=False, is_accelerator=True)
    if raw["HostedZoneId"] != zone_id:
        raise RefusedRecord(f"{title}: alias not emulated: {raw['DNSName']} is in another zone ({raw['HostedZoneId']})")
    return Alias(dns.name.from_text(raw["DNSName"]), bool(raw["EvaluateTargetHealth"]))
