"""Checks the locations in Route 53 record sets with geolocation, geoproximity or latency routing. moto 5.2 accepts
invalid locations, which Route 53 refuses.

Sources: Route 53 API Reference, "GeoLocation", "GeoProximityLocation", "Coordinates" and "ResourceRecordSet"; AWS's
model of the API in botocore (the limits of a bias, and the patterns of coordinates); Route 53 Developer Guide, "Quotas
on records". The documents name the errors `InvalidInput` and `InvalidChangeBatch`, but do not quote the error messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from contract.regions import REGIONS

_CONTINENTS = frozenset({"AF", "AN", "AS", "EU", "NA", "OC", "SA"})
_COUNTRY = re.compile(r"[A-Z]{2}|\*")
# The countries for which Route 53 has no data about IP addresses (Route 53 Developer Guide, "Values specific for
# geolocation records": Location).
_UNSUPPORTED = frozenset({"BV", "CX", "EH", "HM"})
_STATE = re.compile(r"[A-Z]{2}")
_LATITUDE = re.compile(r"[-+]?[0-9]{1,2}(\.[0-9]{0,2})?")
_LONGITUDE = re.compile(r"[-+]?[0-9]{1,3}(\.[0-9]{0,2})?")
_LARGEST_BIAS = 99

# The maximum number of record sets with the same name and type. The limit depends on their routing policy. Each key is
# the field of the Route 53 API that selects this policy.
_MOST = {"Weight": 100, "Region": 100, "GeoLocation": 100, "MultiValueAnswer": 100, "GeoProximityLocation": 30}

# Route 53 refuses a record set if another one with the same name and type has the same value in any of these fields.
_DISTINCT = ("GeoLocation", "Region")


def fault(record: Mapping[str, Any]) -> str | None:
    """Returns why Route 53 refuses the location in a record set, or None if Route 53 accepts it. `record` has the
    fields of the Route 53 API.
    """
    if record.get("GeoLocation"):
        return _fault_of_geolocation(record["GeoLocation"])
    if record.get("GeoProximityLocation"):
        return _fault_of_geoproximity(record["GeoProximityLocation"])
    return None


def conflict(record: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str | None:
    """Returns why Route 53 refuses the record set `record`, or None if it accepts the record set. `others` are the
    existing record sets of the same name and type. Route 53 refuses the record set if one of them has the same location
    or region, or if there are too many of them.
    """
    for field in _DISTINCT:
        if record.get(field) and any(other.get(field) == record[field] for other in others):
            return f"a record set with the same {field} {record[field]} exists"
    for field, most in _MOST.items():
        if record.get(field) not in (None, False) and len(others) >= most:
            return f"a name has at most {most} record sets of one type with {field}"
    return None


def _fault_of_geolocation(place: Mapping[str, str]) -> str | None:
    continent, country, state = (place.get(key) for key in ("ContinentCode", "CountryCode", "SubdivisionCode"))
    if continent and (country or state):
        return "GeoLocation: ContinentCode excludes CountryCode and SubdivisionCode"
    if not continent and not country:
        return "GeoLocation: ContinentCode or CountryCode is required"
    if continent and continent not in _CONTINENTS:
        return f"GeoLocation: {continent} is no code of a continent"
    if country and not _COUNTRY.fullmatch(country):
        return f"GeoLocation: {country} is no code of a country"
    if country in _UNSUPPORTED:
        return f"GeoLocation: Route 53 accepts no geolocation records for the country {country}"
    if state and (country != "US" or not _STATE.fullmatch(state)):
        return f"GeoLocation: SubdivisionCode {state} is no state of the country US"
    return None


def _fault_of_geoproximity(place: Mapping[str, Any]) -> str | None:
    given = [key for key in ("AWSRegion", "LocalZoneGroup", "Coordinates") if place.get(key)]
    bias = int(place.get("Bias") or 0)
    if len(given) != 1:
        return "GeoProximityLocation: exactly one of AWSRegion, LocalZoneGroup and Coordinates is required"
    if abs(bias) > _LARGEST_BIAS:
        return f"GeoProximityLocation: Bias {bias} is not from -{_LARGEST_BIAS} to {_LARGEST_BIAS}"
    region = place.get("AWSRegion")
    if region and (region not in REGIONS or REGIONS[region].cloud != "aws"):
        return f"GeoProximityLocation: {region} is no AWS region"
    return _fault_of_coordinates(place["Coordinates"]) if place.get("Coordinates") else None


def _fault_of_coordinates(place: Mapping[str, str]) -> str | None:
    for key, pattern, most in (("Latitude", _LATITUDE, 90.0), ("Longitude", _LONGITUDE, 180.0)):
        value = place[key]
        if not pattern.fullmatch(value) or abs(float(value)) > most:
            return f"Coordinates: {key} {value!r} is not a number from -{most:.0f} to {most:.0f} with two decimals"
    return None
