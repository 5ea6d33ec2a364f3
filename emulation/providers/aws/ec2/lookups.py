"""Serves the EC2 data sources of the emulated AWS provider: images, prefix lists, addresses and availability zones."""

from __future__ import annotations

from typing import Any

from emulation.providers.aws.clients import client, sandbox_client
from emulation.providers.handler import CloudError, Properties

# The largest IP network from which Route 53's health checkers send requests (Route 53 guide, "IP address ranges").
_HEALTH_CHECKERS = "15.177.0.0/18"


class Ami:
    """Serves the Pulumi data source `aws:ec2/getAmi:getAmi`, which looks up a machine image by its name.

    A new emulated EC2 has no machine images. The handler therefore registers an image with the requested name. An
    emulated machine boots from its user data only, so the content of the image does not matter.
    """

    token = "aws:ec2/getAmi:getAmi"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        names = [
            value for given in arguments.get("filters", []) if given["name"] == "name" for value in given["values"]
        ]
        if len(names) != 1:
            raise CloudError("getAmi needs one filter `name` with one value here")
        ec2 = client("ec2", arguments)
        name = names[0].replace("*", "emulated")
        found = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [name]}])["Images"]
        id = found[0]["ImageId"] if found else sandbox_client("ec2", arguments).register_image(Name=name)["ImageId"]
        return {**arguments, "id": id, "imageId": id, "name": name}


class ManagedPrefixList:
    """Serves the Pulumi data source `aws:ec2/getManagedPrefixList:getManagedPrefixList`, which looks up one of AWS's
    prefix lists by name. The first query for a prefix list creates the prefix list in the emulated EC2.
    """

    token = "aws:ec2/getManagedPrefixList:getManagedPrefixList"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        ec2 = client("ec2", arguments)
        name = arguments["name"]
        if not name.startswith("com.amazonaws."):
            raise CloudError(f"no managed prefix list {name!r}: only those of AWS (com.amazonaws.…) are emulated")
        lists = ec2.describe_managed_prefix_lists()["PrefixLists"]
        found = [prefix_list["PrefixListId"] for prefix_list in lists if prefix_list["PrefixListName"] == name]
        if not found:
            made = sandbox_client("ec2", arguments).create_managed_prefix_list(
                PrefixListName=name, MaxEntries=1, AddressFamily="IPv4"
            )
            found = [made["PrefixList"]["PrefixListId"]]
        return {**arguments, "id": found[0], "name": name}


class ElasticIp:
    """Serves the Pulumi data source `aws:ec2/getElasticIp:getElasticIp`, which returns the EC2 instance that an Elastic
    IP address is associated with.
    """

    token = "aws:ec2/getElasticIp:getElasticIp"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        address = client("ec2", arguments).describe_addresses(AllocationIds=[arguments["id"]])["Addresses"][0]
        found = {"instanceId": address.get("InstanceId", ""), "associationId": address.get("AssociationId", "")}
        return {**arguments, **found, "publicIp": address["PublicIp"]}


class IpRanges:
    """Serves the Pulumi data source `aws:index/getIpRanges:getIpRanges`. Supports only the addresses of Route 53's
    health checkers.
    """

    token = "aws:index/getIpRanges:getIpRanges"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        if arguments.get("services") != ["route53_healthchecks"]:
            raise CloudError(
                f"only the addresses of route53_healthchecks are emulated, not {arguments.get('services')}"
            )
        return {**arguments, "id": "ip-ranges", "cidrBlocks": [_HEALTH_CHECKERS], "ipv6CidrBlocks": []}


# The filter that excludes Local Zones and Wavelength Zones. An account must enable these zones before it can use them
# (EC2 API Reference, "AvailabilityZone", `OptInStatus`).
_NO_LOCAL_ZONES = {"name": "opt-in-status", "values": ["opt-in-not-required"]}


class AvailabilityZones:
    """Serves the Pulumi data source `aws:index/getAvailabilityZones:getAvailabilityZones`, which lists the zones of an
    AWS region.

    The emulated account has enabled a Local Zone in each region. The list contains this zone unless a filter excludes
    it (Pulumi Registry, "aws.getAvailabilityZones"). Its name comes before the names of the Availability Zones. With
    the argument `state`, the list contains only zones in this state. Without the argument, zones are in the list
    whatever their state is.
    """

    token = "aws:index/getAvailabilityZones:getAvailabilityZones"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        filters = arguments.get("filters", [])
        if filters not in ([], [_NO_LOCAL_ZONES]):
            raise CloudError(f"zones with the filters {filters} are not emulated (only {_NO_LOCAL_ZONES})")
        ec2 = client("ec2", arguments)
        wanted: Any = [{"Name": "state", "Values": [arguments["state"]]}] if arguments.get("state") else []
        zones = ec2.describe_availability_zones(Filters=wanted)["AvailabilityZones"]
        known = {zone["ZoneName"]: zone["ZoneId"] for zone in zones}
        if not filters:
            known[f"{ec2.meta.region_name}-loc-1a"] = "loc1-az1"
        names = sorted(known)
        return {
            **arguments,
            "id": ec2.meta.region_name,
            "names": names,
            "zoneIds": [known[name] for name in names],
        }
