"""The handlers of the emulated AWS provider for Route 53 resources: hosted zones, records with routing policies, and
health checks.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws

from emulation.providers.aws.clients import client, removed_tags, tag_list, tags_of
from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import CloudError, Handler, Properties

# These mappings translate the Pulumi properties of a DNS record's location. Their values are field names of the Route
# 53 API (GeoLocation, GeoProximityLocation and Coordinates, Route 53 API reference).
_GEOLOCATION = {"continent": "ContinentCode", "country": "CountryCode", "subdivision": "SubdivisionCode"}
_GEOPROXIMITY = {"awsRegion": "AWSRegion", "bias": "Bias"}
_COORDINATES = {"latitude": "Latitude", "longitude": "Longitude"}


def handlers() -> list[Handler]:
    """Returns the handlers of the Route 53 resource types. Route 53 is global, so none of these types has a region."""
    return [
        Described(
            aws.route53.Zone,
            "route53",
            make=_make_zone,
            describe=_describe_zone,
            remove=_remove_zone,
            change=_change_zone,
            replace_on=frozenset({"name"}),
        ),
        Described(
            aws.route53.Record,
            "route53",
            make=_put_record,
            describe=_describe_record,
            remove=lambda route53, id, state: _submit(route53, "DELETE", state),
            change=lambda route53, id, old, new: _put_record(route53, new),
            replace_on=frozenset({"zoneId", "name", "type", "setIdentifier"}),
        ),
        Described(
            aws.route53.HealthCheck,
            "route53",
            make=_make_check,
            describe=_describe_check,
            remove=lambda route53, id, state: route53.delete_health_check(HealthCheckId=id),
            change=_change_check,
            replace_on=frozenset({"type", "requestInterval"}),
        ),
    ]


class Records:
    """Serves the Pulumi data source `aws:route53/getRecords:getRecords`, which lists the records of a zone whose names
    match a regular expression. The emulation returns their names, types and values.
    """

    token = "aws:route53/getRecords:getRecords"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        pages = (
            client("route53", {}).get_paginator("list_resource_record_sets").paginate(HostedZoneId=arguments["zoneId"])
        )
        sets = [each for page in pages for each in page["ResourceRecordSets"]]
        found = [
            {
                "name": each["Name"],
                "type": each["Type"],
                "resourceRecords": [{"value": record["Value"]} for record in each.get("ResourceRecords", [])],
            }
            for each in sets
            if re.search(arguments["nameRegex"], each["Name"])
        ]
        return {**arguments, "resourceRecordSets": found}


def _make_zone(route53: Api, inputs: Properties) -> str:
    created = route53.create_hosted_zone(
        Name=inputs["name"],
        CallerReference=uuid.uuid4().hex,
        HostedZoneConfig={"Comment": inputs.get("comment", "Managed by Pulumi")},
    )
    id = created["HostedZone"]["Id"].removeprefix("/hostedzone/")
    _put_tags(route53, "hostedzone", id, {}, inputs)
    return id


def _change_zone(route53: Api, id: str, old: Properties, new: Properties) -> None:
    route53.update_hosted_zone_comment(Id=id, Comment=new.get("comment", ""))
    _put_tags(route53, "hostedzone", id, old, new)


def _put_tags(route53: Api, kind: str, id: str, old: Properties, new: Properties) -> None:
    """Sets the tags of a Route 53 zone or health check to the tags in the new inputs.

    New resources also need this separate request, because the requests that create zones and health checks accept no
    tags (Route 53 API Reference, "ChangeTagsForResource").
    """
    gone = removed_tags(old, new)
    more: dict[str, Any] = {"AddTags": tag_list(new["tags"])} if new.get("tags") else {}
    more |= {"RemoveTagKeys": gone} if gone else {}
    if more:
        route53.change_tags_for_resource(ResourceType=kind, ResourceId=id, **more)


def _tags(route53: Api, kind: str, id: str, state: Properties) -> Properties:
    found = route53.list_tags_for_resource(ResourceType=kind, ResourceId=id)["ResourceTagSet"]
    return tags_of(found, state)


def _describe_zone(route53: Api, id: str, state: Properties) -> Properties | None:
    zone = route53.get_hosted_zone(Id=id)
    servers = sorted(zone["DelegationSet"]["NameServers"])
    return {
        "name": zone["HostedZone"]["Name"].rstrip("."),
        "zoneId": id,
        "arn": f"arn:aws:route53:::hostedzone/{id}",
        "nameServers": servers,
        "primaryNameServer": servers[0],
        **_tags(route53, "hostedzone", id, state),
    }


def _remove_zone(route53: Api, id: str, state: Properties) -> None:
    if state.get("forceDestroy"):
        for record in _records(route53, id):
            if record["Type"] not in ("NS", "SOA"):
                change = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
                route53.change_resource_record_sets(HostedZoneId=id, ChangeBatch=change)
    route53.delete_hosted_zone(Id=id)


def _put_record(route53: Api, inputs: Properties) -> str:
    _submit(route53, "UPSERT", inputs)
    parts = [inputs["zoneId"], inputs["name"], inputs["type"], inputs.get("setIdentifier", "")]
    return "_".join(part for part in parts if part)


def _submit(route53: Api, action: str, properties: Properties) -> None:
    change = {"Changes": [{"Action": action, "ResourceRecordSet": _record_set(properties)}]}
    route53.change_resource_record_sets(HostedZoneId=properties["zoneId"], ChangeBatch=change)


def _record_set(properties: Properties) -> dict[str, Any]:
    """Converts a DNS record from Pulumi inputs to a record set of the Route 53 API. Raises CloudError for a routing
    policy that is not emulated.
    """
    record: dict[str, Any] = {"Name": properties["name"], "Type": properties["type"], **_target(properties)}
    if properties.get("setIdentifier"):
        record["SetIdentifier"] = properties["setIdentifier"]
    if properties.get("healthCheckId"):
        record["HealthCheckId"] = properties["healthCheckId"]
    if properties.get("multivalueAnswerRoutingPolicy"):
        record["MultiValueAnswer"] = True
    for policy in properties.get("latencyRoutingPolicies", []):
        record["Region"] = policy["region"]
    for policy in properties.get("weightedRoutingPolicies", []):
        record["Weight"] = policy["weight"]
    for policy in properties.get("failoverRoutingPolicies", []):
        record["Failover"] = policy["type"]
    for place in properties.get("geolocationRoutingPolicies", []):
        record["GeoLocation"] = _renamed(place, _GEOLOCATION)
    if proximity := properties.get("geoproximityRoutingPolicy"):
        record["GeoProximityLocation"] = _geoproximity(proximity)
    if properties.get("cidrRoutingPolicy"):
        raise CloudError("records with cidrRoutingPolicy are not emulated; use another routing policy")
    return record


def _geoproximity(place: Properties) -> dict[str, Any]:
    """Converts the location of a geoproximity record from Pulumi inputs to fields of the Route 53 API."""
    if place.get("localZoneGroup"):
        raise CloudError("geoproximity records of a localZoneGroup are not emulated; use awsRegion or coordinates")
    coordinates = [_renamed(one, _COORDINATES) for one in place.get("coordinates", [])]
    return {**_renamed(place, _GEOPROXIMITY), **({"Coordinates": coordinates[0]} if coordinates else {})}


def _renamed(values: Properties, names: Mapping[str, str]) -> dict[str, Any]:
    """Returns a copy of `values` with new keys. `names` maps each old key to its new key. The copy has no entry for a
    key that is not in `names`, or whose value is None.
    """
    return {name: values[key] for key, name in names.items() if values.get(key) is not None}


def _locations_in_state(record: dict[str, Any]) -> Properties:
    """Converts the location of a geolocation or geoproximity record from fields of the Route 53 API to Pulumi
    properties.
    """
    if place := record.get("GeoLocation"):
        return {"geolocationRoutingPolicies": [_renamed(place, _inverted(_GEOLOCATION))]}
    if place := record.get("GeoProximityLocation"):
        policy = _renamed(place, _inverted(_GEOPROXIMITY))
        if coordinates := place.get("Coordinates"):
            policy["coordinates"] = [_renamed(coordinates, _inverted(_COORDINATES))]
        return {"geoproximityRoutingPolicy": policy}
    return {}


def _inverted(names: Mapping[str, str]) -> dict[str, str]:
    return {theirs: ours for ours, theirs in names.items()}


def _target(properties: Properties) -> dict[str, Any]:
    """Converts the target of a DNS record from Pulumi inputs to fields of the Route 53 API: values with a TTL, or an
    alias.

    Raises CloudError for a record without a target, and for an alias with values or with a TTL. An alias has the TTL of
    its target (Route 53 API Reference, "ResourceRecordSet": TTL).
    """
    aliases, values, ttl = properties.get("aliases"), properties.get("records"), properties.get("ttl")
    if aliases and not values and ttl is None:
        (alias,) = aliases
        return {
            "AliasTarget": {
                "HostedZoneId": alias["zoneId"],
                "DNSName": alias["name"],
                "EvaluateTargetHealth": alias["evaluateTargetHealth"],
            }
        }
    if aliases or not values or ttl is None:
        raise CloudError(f"record {properties['name']}: give either one alias, or records and a ttl")
    return {"TTL": ttl, "ResourceRecords": [{"Value": _to_api(value, properties["type"])} for value in values]}


def _describe_record(route53: Api, id: str, state: Properties) -> Properties | None:
    name = state["name"].rstrip(".") + "."
    for record in _records(route53, state["zoneId"]):
        same_set = record.get("SetIdentifier", "") == (state.get("setIdentifier") or "")
        if (record["Name"], record["Type"]) == (name, state["type"]) and same_set:
            return {
                "fqdn": name.rstrip("."),
                **_target_in_state(record, state),
                **({"healthCheckId": record["HealthCheckId"]} if record.get("HealthCheckId") else {}),
                **({"latencyRoutingPolicies": [{"region": record["Region"]}]} if record.get("Region") else {}),
                **({"weightedRoutingPolicies": [{"weight": record["Weight"]}]} if "Weight" in record else {}),
                **({"failoverRoutingPolicies": [{"type": record["Failover"]}]} if record.get("Failover") else {}),
                **_locations_in_state(record),
            }
    return None


def _target_in_state(record: dict[str, Any], state: Properties) -> Properties:
    """Converts the target of a DNS record from fields of the Route 53 API to Pulumi properties: an alias, or values
    with a TTL.
    """
    if alias := record.get("AliasTarget"):
        name, evaluates = alias["DNSName"].rstrip("."), alias["EvaluateTargetHealth"]
        return {"aliases": [{"name": name, "zoneId": alias["HostedZoneId"], "evaluateTargetHealth": evaluates}]}
    values = [_from_api(value["Value"], record["Type"]) for value in record["ResourceRecords"]]
    given = state.get("records", [])
    return {"ttl": record["TTL"], "records": given if sorted(given) == sorted(values) else values}


def _to_api(value: str, record_type: str) -> str:
    """Returns a value of a DNS record as the Route 53 API expects it.

    Route 53 requires quotes around the text of a TXT record. A value in the Pulumi inputs may lack the quotes, so this
    function adds them (Route 53 Developer Guide, "TXT record type").
    """
    return f'"{value}"' if record_type == "TXT" and not value.startswith('"') else value


def _from_api(value: str, record_type: str) -> str:
    return value.strip('"') if record_type == "TXT" else value


def _records(route53: Api, zone_id: str) -> list[dict[str, Any]]:
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id)
    return [record for page in pages for record in page["ResourceRecordSets"]]


# Maps each Pulumi property of a health check to the name of the field in the Route 53 API (HealthCheckConfig, Route 53
# API reference).
_CHECK = {
    "type": "Type",
    "ipAddress": "IPAddress",
    "fqdn": "FullyQualifiedDomainName",
    "port": "Port",
    "resourcePath": "ResourcePath",
    "requestInterval": "RequestInterval",
    "failureThreshold": "FailureThreshold",
    "enableSni": "EnableSNI",
    "measureLatency": "MeasureLatency",
    "childHealthchecks": "ChildHealthChecks",
    "childHealthThreshold": "HealthThreshold",
}


def _make_check(route53: Api, inputs: Properties) -> str:
    config = {theirs: inputs[ours] for ours, theirs in _CHECK.items() if inputs.get(ours) is not None}
    created = route53.create_health_check(CallerReference=uuid.uuid4().hex, HealthCheckConfig=config)
    id = created["HealthCheck"]["Id"]
    _put_tags(route53, "healthcheck", id, {}, inputs)
    return id


def _describe_check(route53: Api, id: str, state: Properties) -> Properties | None:
    config = route53.get_health_check(HealthCheckId=id)["HealthCheck"]["HealthCheckConfig"]
    seen = {ours: config[theirs] for ours, theirs in _CHECK.items() if ours in state and theirs in config}
    if sorted(seen.get("childHealthchecks", [])) == sorted(state.get("childHealthchecks", [])):
        seen.pop("childHealthchecks", None)
    return {"arn": f"arn:aws:route53:::healthcheck/{id}", **seen, **_tags(route53, "healthcheck", id, state)}


def _change_check(route53: Api, id: str, old: Properties, new: Properties) -> None:
    fixed = ("type", "requestInterval", "measureLatency")
    config = {theirs: new[ours] for ours, theirs in _CHECK.items() if new.get(ours) is not None and ours not in fixed}
    route53.update_health_check(HealthCheckId=id, **config)
    _put_tags(route53, "healthcheck", id, old, new)
