"""Probes which record set Route 53 chooses for its answer if a name has several record sets.

The API call TestDNSAnswer shows the answer for a resolver in Northern Virginia. The records have no health checks.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from probes.aws import AwsAccount
from probes.fact import Fact, Probe
from probes.route53 import HostedZone

# Pause between requests: Route 53 accepts five requests per second from an account (Route 53 Developer Guide,
# "Quotas").
_PAUSE_SECONDS = 0.25
_ANSWERS = 10

# The locations of geolocation records that all include Northern Virginia, from the most specific to the least specific.
_PLACES = {
    "state": {"CountryCode": "US", "SubdivisionCode": "VA"},
    "country": {"CountryCode": "US"},
    "continent": {"ContinentCode": "NA"},
    "default": {"CountryCode": "*"},
}
_EUROPE = {"ContinentCode": "EU"}


def _at(longitude: str, bias: int) -> dict[str, Any]:
    """Returns the location of a geoproximity record. The location is west of Northern Virginia and at the same
    latitude, so only `longitude` determines its distance from Northern Virginia.
    """
    return {"Coordinates": {"Latitude": "38.9", "Longitude": longitude}, "Bias": bias}


def _near(bias: int = 0) -> dict[str, Any]:
    return _at("-90", bias)


def _far(bias: int = 0) -> dict[str, Any]:
    """Returns a location that is twice as far from Northern Virginia as the location that `_near` returns."""
    return _at("-102.6", bias)


# Maps each DNS name to its two geoproximity records, and to the name of the record that Route 53 must choose. The DNS
# name `negative` tests a bias of -80. It shows whether this bias multiplies the distance by 1.8 (current guide) or by 5
# (older guides).
_BIASED = {
    "unbiased": (_near(), _far(), "near"),
    "little": (_near(), _far(40), "near"),
    "much": (_near(), _far(60), "far"),
    "both": (_near(-60), _far(30), "far"),
    "negative": (_near(-80), _far(), "near"),
}


def _answers(account: AwsAccount) -> Iterator[Fact]:
    zone = HostedZone(account)
    sizes = list(_PLACES)
    records = [
        *(_record(zone, f"weighted-{weight}", {"Weight": weight}, "weighted") for weight in (0, 1)),
        *(
            _record(zone, kind, {"GeoLocation": _PLACES[kind]}, sizes[number])
            for number in range(len(sizes))
            for kind in sizes[number:]
        ),
        _record(zone, "europe", {"GeoLocation": _EUROPE}, "elsewhere"),
        *(
            _record(zone, kind, {"GeoProximityLocation": place}, label)
            for label, (near, far, _) in _BIASED.items()
            for kind, place in (("near", near), ("far", far))
        ),
    ]
    zone.create_all(records)
    yield from _chosen(zone)


def _chosen(zone: HostedZone) -> Iterator[Fact]:
    seen = Counter(_answer(zone, "weighted") for _ in range(_ANSWERS))
    text = "A record of the weight 0 does not answer beside one of the weight 1"
    yield Fact(text, seen.keys() == {"weighted-1"}, str(dict(seen)))
    for kind in _PLACES:
        seen = _answer(zone, kind)
        yield Fact(f"The geolocation record for the smallest location answers: {kind}", seen == kind, seen)
    seen = _answer(zone, "elsewhere")
    yield Fact("A client without a geolocation record gets no answer", not seen, seen or "no answer")
    for label, (near, far, wanted) in _BIASED.items():
        text = f"Of geoproximity records with the biases {near['Bias']} and {far['Bias']}, the {wanted} one answers"
        seen = _answer(zone, label)
        yield Fact(text, seen == wanted, seen)


def _answer(zone: HostedZone, label: str) -> str:
    time.sleep(_PAUSE_SECONDS)
    return zone.answer(label)


def _record(zone: HostedZone, value: str, policy: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Returns a TXT record with the given value. The value is also the set identifier of the record."""
    values = {"TTL": 30, "ResourceRecords": [{"Value": f'"{value}"'}]}
    return {"Name": f"{label}.{zone.name}", "Type": "TXT", "SetIdentifier": value, **policy, **values}


PROBES = (
    Probe("route53-answers", 'Route 53 Developer Guide, "Geolocation routing", "Geoproximity routing"', _answers),
)
