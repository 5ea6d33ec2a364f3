"""Corrects moto 5.2's emulation of DNS records in Route 53. Refuses the changes that Route 53 refuses but moto accepts.
Deletes only the record that a request names. (moto deletes all records of the zone with the same set identifier.) Keeps
the locations of geoproximity records, which moto drops.

Sources: Route 53 API Reference, "ResourceRecordSet" (record sets of one name and type have one routing policy, and an
alias has the type of its target) and "ChangeResourceRecordSets" (a batch is applied as a whole or not at all); Route 53
Developer Guide, "Supported DNS record types" (a name with a CNAME record has no record of another type). Users quote
the error messages in these reports: kubernetes-sigs/external-dns, issue 2863; gardener/external-dns-management, issue
513; rust-lang/simpleinfra, pull request 907.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.route53.exceptions import Route53ClientError
from moto.route53.models import FakeZone, RecordSet, Route53Backend

from emulation.aws import record_locations
from emulation.aws.global_accelerator.models import backend_of
from emulation.aws.serialized import serialized
from emulation.dns.records import ACCELERATORS_ZONE

_CHANGE = Route53Backend.change_resource_record_sets
_LIST = Route53Backend.list_resource_record_sets
# A change replaces the list of a zone's records several times. Each thread that changes or lists records holds this
# lock. Other threads therefore never see or replace an intermediate list.
_LOCK = threading.RLock()

# The fields of a record set in the Route 53 API that select a routing policy, one field for each policy.
_POLICIES = ("Weight", "Region", "GeoLocation", "Failover", "MultiValueAnswer", "GeoProximityLocation")

# The name of the attribute in which moto's class for record sets stores the location of a geoproximity record.
_GEOPROXIMITY = "geo_proximity_location"

# The name, the type and the set identifier of a record set, which together identify the record set in a zone.
_Key = tuple[str, str, str]


@dataclass(frozen=True)
class _Routed:
    """The properties of a record set that decide whether it conflicts with other record sets. `policies` maps the name
    of the record set's routing policy to the value of this policy. `alias` is the name of the alias target if the
    record set is an alias of a name in the zone, and otherwise None. `accelerator` is the name of the alias target if
    the record set is an alias of an accelerator, and otherwise None.
    """

    policies: Mapping[str, Any]
    alias: str | None
    accelerator: str | None


def patches() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the name of each method of moto's `Route53Backend` that the emulation replaces, and the new method."""
    yield "change_resource_record_sets", serialized(_change_record_sets, _LOCK)
    yield "list_resource_record_sets", serialized(_LIST, _LOCK)


def patch_record_sets() -> None:
    for name, method in patches():
        setattr(Route53Backend, name, method)


def _change_record_sets(backend: Route53Backend, zoneid: str, change_list: list[dict[str, Any]]) -> None:
    zone = backend.get_hosted_zone(zoneid)
    before = list(zone.rrsets)
    after = {_key(fields(each)): _routed(fields(each), zone) for each in before}
    for change in change_list:
        key = _key(change["ResourceRecordSet"])
        after.pop(key, None)
        if change["Action"] != "DELETE":
            after[key] = _routed(change["ResourceRecordSet"], zone)
    for change in change_list:
        key = _key(change["ResourceRecordSet"])
        if key in after and (fault := record_locations.fault(change["ResourceRecordSet"])):
            raise Route53ClientError("InvalidInput", fault)
        if key in after and (problem := _problem(key, after, zone)):
            raise Route53ClientError("InvalidChangeBatch", f"[{problem}]")
    _CHANGE(backend, zoneid, change_list)
    _keep_locations(zone, change_list)
    kept = {_key(fields(each)) for each in zone.rrsets}
    zone.rrsets += [each for each in before if _key(fields(each)) in after.keys() - kept]


def _keep_locations(zone: FakeZone, change_list: list[dict[str, Any]]) -> None:
    """Adds the locations of geoproximity records, which moto drops, to the record sets that moto has created for a
    batch of changes. moto's answers contain every attribute of a record set, so clients then get these locations.
    """
    given = {_key(change["ResourceRecordSet"]): change["ResourceRecordSet"] for change in change_list}
    for record in zone.rrsets:
        if wanted := given.get(_key(fields(record))):
            setattr(record, _GEOPROXIMITY, wanted.get("GeoProximityLocation"))


def fields(record: RecordSet) -> dict[str, Any]:
    """Converts a record set from moto's class to a mapping whose keys are the field names of the Route 53 API."""
    return {
        "Name": record.name,
        "Type": record.type,
        "SetIdentifier": record.set_identifier,
        "Weight": record.weight,
        "Region": record.region,
        "GeoLocation": record.geo_location,
        "Failover": record.failover,
        "MultiValueAnswer": record.multi_value_answer,
        "GeoProximityLocation": getattr(record, _GEOPROXIMITY, None),
        "AliasTarget": record.alias_target,
        "TTL": record.ttl,
        "ResourceRecords": record.resource_records,
        "HealthCheckId": record.health_check_id,
    }


def _key(record: Mapping[str, Any]) -> _Key:
    return _absolute(record["Name"]), record["Type"], record.get("SetIdentifier") or ""


def _absolute(name: str) -> str:
    return name.rstrip(".").lower() + "."


def _routed(record: Mapping[str, Any], zone: FakeZone) -> _Routed:
    target: Mapping[str, Any] = record.get("AliasTarget") or {}
    name, of = _absolute(target.get("DNSName", "")), target.get("HostedZoneId")
    # A weight of 0 must stay in `policies`. `!= False` would drop it, because Python treats 0 and False as equal.
    policies = {name: record[name] for name in _POLICIES if record.get(name) is not None and record[name] is not False}
    return _Routed(policies, name if of == zone.resource_id else None, name if of == ACCELERATORS_ZONE else None)


def _problem(key: _Key, records: Mapping[_Key, _Routed], zone: FakeZone) -> str | None:
    """Returns the error message of Route 53 for a record set that conflicts with other record sets of the zone, or
    whose alias target does not exist. Returns None for any other record set.
    """
    name, kind, _ = key
    alike = [other for other in records if other[:2] == (name, kind)]
    others = {other[1] for other in records if other[0] == name} - {kind}
    alias = records[key].alias
    policies = {tuple(records[other].policies) for other in alike}
    if len(alike) > 1 and (len(policies) > 1 or () in policies):
        reason = "cannot be created as other RRSets exist with the same name and type."
        return f"RRSet with DNS name {name}, type {kind} {reason}"
    located = [records[other].policies for other in alike if other != key]
    if conflict := record_locations.conflict(records[key].policies, located):
        return f"RRSet with DNS name {name}, type {kind} cannot be created: {conflict}"
    if kind == "CNAME" and others:
        reason = "is not permitted as it conflicts with other records with the same DNS name in zone"
        return f"RRSet of type CNAME with DNS name {name} {reason} {zone.name}"
    if "CNAME" in others:
        reason = "because a conflicting RRSet of type CNAME with the same DNS name already exists in zone"
        return f"RRSet of type {kind} with DNS name {name} is not permitted {reason} {zone.name}"
    if alias and not any(other[:2] == (alias, kind) for other in records):
        where = f"type {kind} in zone {zone.resource_id}"
        return f"Tried to create an alias that targets {alias}, {where}, but that target was not found"
    accelerator = records[key].accelerator
    return _problem_of_accelerator(accelerator, kind) if accelerator else None


def _problem_of_accelerator(target: str, kind: str) -> str | None:
    """Returns Route 53's error message for an alias of an accelerator that does not exist, or that has no addresses of
    the alias's type. Returns None for a valid alias. An accelerator with IPv4 addresses has only A records.
    """
    title = f"Tried to create an alias that targets {target}, type {kind} in zone {ACCELERATORS_ZONE}"
    if not target.endswith(".awsglobalaccelerator.com."):
        return f"{title}, but the alias target name does not lie within the target zone"
    existing = {_absolute(each["DnsName"]) for each in backend_of().accelerators.values()}
    return None if kind == "A" and target in existing else f"{title}, but that target was not found"
