"""EC2: the network around a shield, its firewall, its machines and their addresses."""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws

from local.layout import AWS_ACCOUNT_ID
from local.providers.aws.clients import client, tag_list, tags_of
from local.providers.aws.described import Api, Described
from local.providers.handler import CloudError, Handler, Properties

_HEALTH_CHECKERS = "15.177.0.0/18"
"""The largest network of Route 53's health checkers (Route 53 guide, "IP address ranges")."""


def handlers() -> list[Handler]:
    """One handler a resource type."""
    return [
        Described(
            aws.ec2.Vpc,
            "ec2",
            _make_vpc,
            _describe_vpc,
            lambda ec2, id, state: ec2.delete_vpc(VpcId=id),
            _change_vpc,
            frozenset({"cidrBlock", "region"}),
        ),
        Described(
            aws.ec2.InternetGateway,
            "ec2",
            _make_gateway,
            _describe_gateway,
            _remove_gateway,
            _change_tags,
            frozenset({"vpcId", "region"}),
        ),
        Described(
            aws.ec2.RouteTable,
            "ec2",
            lambda ec2, inputs: ec2.create_route_table(VpcId=inputs["vpcId"], **_tags("route-table", inputs))[
                "RouteTable"
            ]["RouteTableId"],
            _describe_route_table,
            lambda ec2, id, state: ec2.delete_route_table(RouteTableId=id),
            _change_tags,
            frozenset({"vpcId", "region"}),
        ),
        Described(
            aws.ec2.Route,
            "ec2",
            _make_route,
            _describe_route,
            lambda ec2, id, state: ec2.delete_route(
                RouteTableId=state["routeTableId"], DestinationCidrBlock=state["destinationCidrBlock"]
            ),
            replace_on=frozenset({"routeTableId", "destinationCidrBlock", "gatewayId", "region"}),
        ),
        Described(
            aws.ec2.Subnet,
            "ec2",
            _make_subnet,
            _describe_subnet,
            lambda ec2, id, state: ec2.delete_subnet(SubnetId=id),
            _change_subnet,
            frozenset({"vpcId", "cidrBlock", "availabilityZone", "region"}),
        ),
        Described(
            aws.ec2.RouteTableAssociation,
            "ec2",
            lambda ec2, inputs: ec2.associate_route_table(
                RouteTableId=inputs["routeTableId"], SubnetId=inputs["subnetId"]
            )["AssociationId"],
            _describe_association,
            lambda ec2, id, state: ec2.disassociate_route_table(AssociationId=id),
            replace_on=frozenset({"routeTableId", "subnetId", "region"}),
        ),
        Described(
            aws.ec2.VpcEndpoint,
            "ec2",
            _make_endpoint,
            _describe_endpoint,
            lambda ec2, id, state: ec2.delete_vpc_endpoints(VpcEndpointIds=[id]),
            _change_tags,
            frozenset({"vpcId", "serviceName", "vpcEndpointType", "routeTableIds", "region"}),
        ),
        Described(
            aws.ec2.SecurityGroup,
            "ec2",
            _make_group,
            _describe_group,
            lambda ec2, id, state: ec2.delete_security_group(GroupId=id),
            _change_group,
            frozenset({"name", "description", "vpcId", "region"}),
        ),
        Described(
            aws.ec2.Instance,
            "ec2",
            _make_instance,
            _describe_instance,
            lambda ec2, id, state: ec2.terminate_instances(InstanceIds=[id]),
            _change_tags,
            frozenset(
                {
                    "ami",
                    "instanceType",
                    "subnetId",
                    "vpcSecurityGroupIds",
                    "iamInstanceProfile",
                    "userData",
                    "metadataOptions",
                    "rootBlockDevice",
                    "associatePublicIpAddress",
                    "region",
                }
            ),
        ),
        _rule(aws.vpc.SecurityGroupIngressRule, ingress=True),
        _rule(aws.vpc.SecurityGroupEgressRule, ingress=False),
        Described(
            aws.ec2.Eip,
            "ec2",
            _make_address,
            _describe_address,
            _remove_address,
            _change_address,
            frozenset({"domain", "region"}),
        ),
        Described(
            aws.ec2.EipAssociation,
            "ec2",
            lambda ec2, inputs: ec2.associate_address(
                AllocationId=inputs["allocationId"], InstanceId=inputs["instanceId"]
            )["AssociationId"],
            _describe_address_association,
            lambda ec2, id, state: ec2.disassociate_address(AssociationId=id),
            replace_on=frozenset({"allocationId", "instanceId", "region"}),
        ),
    ]


class Ami:
    """`aws:ec2/getAmi:getAmi`: an image of that name and owner.

    moto knows a fixed list of images, Debian's not among them; one is registered under the name that is asked for, so
    that machines have an image as in the cloud. What such a machine boots is decided by its user data alone.
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
        id = found[0]["ImageId"] if found else ec2.register_image(Name=name)["ImageId"]
        return {**arguments, "id": id, "imageId": id, "name": name}


class ManagedPrefixList:
    """`aws:ec2/getManagedPrefixList:getManagedPrefixList`, by name; AWS's own are made when first asked for."""

    token = "aws:ec2/getManagedPrefixList:getManagedPrefixList"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        ec2 = client("ec2", arguments)
        name = arguments["name"]
        if not name.startswith("com.amazonaws."):
            raise CloudError(f"no managed prefix list {name!r}: only those of AWS (com.amazonaws.…) are emulated")
        lists = ec2.describe_managed_prefix_lists()["PrefixLists"]
        found = [prefix_list["PrefixListId"] for prefix_list in lists if prefix_list["PrefixListName"] == name]
        if not found:
            made = ec2.create_managed_prefix_list(PrefixListName=name, MaxEntries=1, AddressFamily="IPv4")
            found = [made["PrefixList"]["PrefixListId"]]
        return {**arguments, "id": found[0], "name": name}


class IpRanges:
    """`aws:index/getIpRanges:getIpRanges`, for the one list that no managed prefix list gives outside of AWS."""

    token = "aws:index/getIpRanges:getIpRanges"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        if arguments.get("services") != ["route53_healthchecks"]:
            raise CloudError(
                f"only the addresses of route53_healthchecks are emulated, not {arguments.get('services')}"
            )
        return {**arguments, "id": "ip-ranges", "cidrBlocks": [_HEALTH_CHECKERS], "ipv6CidrBlocks": []}


class AvailabilityZones:
    """`aws:index/getAvailabilityZones:getAvailabilityZones`."""

    token = "aws:index/getAvailabilityZones:getAvailabilityZones"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        zones = client("ec2", arguments).describe_availability_zones()["AvailabilityZones"]
        names = sorted(zone["ZoneName"] for zone in zones)
        return {**arguments, "id": names[0][:-1], "names": names, "zoneIds": [zone["ZoneId"] for zone in zones]}


def _make_vpc(ec2: Api, inputs: Properties) -> str:
    id = ec2.create_vpc(CidrBlock=inputs["cidrBlock"], **_tags("vpc", inputs))["Vpc"]["VpcId"]
    _set_vpc_names(ec2, id, inputs)
    return id


def _describe_vpc(ec2: Api, id: str, state: Properties) -> Properties | None:
    vpc = _only(ec2.describe_vpcs(VpcIds=[id])["Vpcs"])

    def attribute(name: str, key: str) -> bool:
        return ec2.describe_vpc_attribute(VpcId=id, Attribute=name)[key]["Value"]

    return vpc and {
        "cidrBlock": vpc["CidrBlock"],
        "arn": f"arn:aws:ec2:{ec2.meta.region_name}:{vpc['OwnerId']}:vpc/{id}",
        "enableDnsSupport": attribute("enableDnsSupport", "EnableDnsSupport"),
        "enableDnsHostnames": attribute("enableDnsHostnames", "EnableDnsHostnames"),
        **tags_of(vpc, state),
    }


def _change_vpc(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    _set_vpc_names(ec2, id, new)
    _change_tags(ec2, id, old, new)


def _set_vpc_names(ec2: Api, id: str, inputs: Properties) -> None:
    """One attribute a call: the API refuses two (ModifyVpcAttribute, API reference)."""
    ec2.modify_vpc_attribute(VpcId=id, EnableDnsSupport={"Value": inputs.get("enableDnsSupport", True)})
    ec2.modify_vpc_attribute(VpcId=id, EnableDnsHostnames={"Value": inputs.get("enableDnsHostnames", False)})


def _make_gateway(ec2: Api, inputs: Properties) -> str:
    id = ec2.create_internet_gateway(**_tags("internet-gateway", inputs))["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=id, VpcId=inputs["vpcId"])
    return id


def _describe_gateway(ec2: Api, id: str, state: Properties) -> Properties | None:
    gateway = _only(ec2.describe_internet_gateways(InternetGatewayIds=[id])["InternetGateways"])
    if gateway is None:
        return None
    attached = [attachment["VpcId"] for attachment in gateway["Attachments"]]
    return {"vpcId": attached[0] if attached else None, **tags_of(gateway, state)}


def _remove_gateway(ec2: Api, id: str, state: Properties) -> None:
    ec2.detach_internet_gateway(InternetGatewayId=id, VpcId=state["vpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=id)


def _describe_route_table(ec2: Api, id: str, state: Properties) -> Properties | None:
    table = _only(ec2.describe_route_tables(RouteTableIds=[id])["RouteTables"])
    return table and {"vpcId": table["VpcId"], **tags_of(table, state)}


def _make_route(ec2: Api, inputs: Properties) -> str:
    table, destination = inputs["routeTableId"], inputs["destinationCidrBlock"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, GatewayId=inputs["gatewayId"])
    return f"{table}_{destination}"


def _describe_route(ec2: Api, id: str, state: Properties) -> Properties | None:
    table_id, destination = id.split("_")
    table = _only(ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"])
    routes: list[Any] = table["Routes"] if table else []
    route = _only([route for route in routes if route.get("DestinationCidrBlock") == destination])
    return route and {"gatewayId": route.get("GatewayId"), "state": route.get("State")}


def _make_subnet(ec2: Api, inputs: Properties) -> str:
    request = {"VpcId": inputs["vpcId"], "CidrBlock": inputs["cidrBlock"], **_tags("subnet", inputs)}
    if inputs.get("availabilityZone"):
        request["AvailabilityZone"] = inputs["availabilityZone"]
    id = ec2.create_subnet(**request)["Subnet"]["SubnetId"]
    _change_subnet(ec2, id, {}, inputs)
    return id


def _describe_subnet(ec2: Api, id: str, state: Properties) -> Properties | None:
    subnet = _only(ec2.describe_subnets(SubnetIds=[id])["Subnets"])
    return subnet and {
        "vpcId": subnet["VpcId"],
        "cidrBlock": subnet["CidrBlock"],
        "availabilityZone": subnet["AvailabilityZone"],
        "mapPublicIpOnLaunch": subnet["MapPublicIpOnLaunch"],
        **tags_of(subnet, state),
    }


def _change_subnet(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    ec2.modify_subnet_attribute(SubnetId=id, MapPublicIpOnLaunch={"Value": new.get("mapPublicIpOnLaunch", False)})
    if old:
        _change_tags(ec2, id, old, new)


def _describe_association(ec2: Api, id: str, state: Properties) -> Properties | None:
    tables = ec2.describe_route_tables(Filters=[{"Name": "association.route-table-association-id", "Values": [id]}])
    table = _only(tables["RouteTables"])
    associations: list[Any] = table["Associations"] if table else []
    found = [association for association in associations if association["RouteTableAssociationId"] == id]
    return {"routeTableId": found[0]["RouteTableId"], "subnetId": found[0]["SubnetId"]} if found else None


def _make_endpoint(ec2: Api, inputs: Properties) -> str:
    return ec2.create_vpc_endpoint(
        VpcId=inputs["vpcId"],
        ServiceName=inputs["serviceName"],
        VpcEndpointType=inputs.get("vpcEndpointType", "Gateway"),
        RouteTableIds=inputs.get("routeTableIds", []),
        **_tags("vpc-endpoint", inputs),
    )["VpcEndpoint"]["VpcEndpointId"]


def _describe_endpoint(ec2: Api, id: str, state: Properties) -> Properties | None:
    endpoint = _only(ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"])
    if endpoint is None or endpoint["State"] == "deleted":
        return None
    return {
        "vpcId": endpoint["VpcId"],
        "serviceName": endpoint["ServiceName"],
        "vpcEndpointType": endpoint["VpcEndpointType"],
        "routeTableIds": endpoint.get("RouteTableIds", []),
        **tags_of(endpoint, state),
    }


def _make_group(ec2: Api, inputs: Properties) -> str:
    request = {"GroupName": inputs["name"], "Description": inputs.get("description", "Managed by Pulumi")}
    created = ec2.create_security_group(VpcId=inputs["vpcId"], **request, **_tags("security-group", inputs))
    # As the real provider does: the rule that lets everything out, which EC2 adds to each new group, is taken away.
    anywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=created["GroupId"], IpPermissions=anywhere)
    _add_rules(ec2, created["GroupId"], inputs)
    return created["GroupId"]


def _change_group(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    group = ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"][0]
    if ("ingress" in old or "ingress" in new) and group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=id, IpPermissions=group["IpPermissions"])
    if ("egress" in old or "egress" in new) and group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=id, IpPermissions=group["IpPermissionsEgress"])
    _add_rules(ec2, id, new)
    _change_tags(ec2, id, old, new)


def _add_rules(ec2: Api, id: str, inputs: Properties) -> None:
    if inputs.get("ingress"):
        ec2.authorize_security_group_ingress(GroupId=id, IpPermissions=[_inline(rule) for rule in inputs["ingress"]])
    if inputs.get("egress"):
        ec2.authorize_security_group_egress(GroupId=id, IpPermissions=[_inline(rule) for rule in inputs["egress"]])


def _inline(rule: Properties) -> dict[str, Any]:
    """An inline rule as the API takes it; its description goes to each source, as the real provider does."""
    described = {"Description": rule["description"]} if rule.get("description") else {}
    permission: dict[str, Any] = {"IpProtocol": rule["protocol"]}
    if rule["protocol"] != "-1":
        permission.update(FromPort=rule["fromPort"], ToPort=rule["toPort"])
    permission["IpRanges"] = [{"CidrIp": cidr, **described} for cidr in rule.get("cidrBlocks", [])]
    permission["Ipv6Ranges"] = [{"CidrIpv6": cidr, **described} for cidr in rule.get("ipv6CidrBlocks", [])]
    permission["PrefixListIds"] = [{"PrefixListId": id, **described} for id in rule.get("prefixListIds", [])]
    return permission


def _sources(permission: dict[str, Any]) -> frozenset[tuple[object, ...]]:
    """What a permission opens, without order and descriptions: one entry a source."""
    ports = (permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"))
    listed = [
        *(source["CidrIp"] for source in permission.get("IpRanges", [])),
        *(source["CidrIpv6"] for source in permission.get("Ipv6Ranges", [])),
        *(source["PrefixListId"] for source in permission.get("PrefixListIds", [])),
    ]
    return frozenset((*ports, source) for source in listed)


def _inline_as_seen(given: list[Properties], seen: list[dict[str, Any]]) -> list[Properties]:
    """The rules as they were given while EC2 opens just what they say; else as EC2 has them, which is drift."""
    wanted = frozenset[tuple[object, ...]]().union(*(_sources(_inline(rule)) for rule in given))
    opened = frozenset[tuple[object, ...]]().union(*(_sources(permission) for permission in seen))
    if wanted == opened:
        return given
    return [
        {
            "protocol": permission["IpProtocol"],
            "fromPort": permission.get("FromPort", 0),
            "toPort": permission.get("ToPort", 0),
            "cidrBlocks": [source["CidrIp"] for source in permission.get("IpRanges", [])],
            "ipv6CidrBlocks": [source["CidrIpv6"] for source in permission.get("Ipv6Ranges", [])],
            "prefixListIds": [source["PrefixListId"] for source in permission.get("PrefixListIds", [])],
        }
        for permission in seen
    ]


def _describe_group(ec2: Api, id: str, state: Properties) -> Properties | None:
    group = _only(ec2.describe_security_groups(GroupIds=[id])["SecurityGroups"])
    return group and {
        "name": group["GroupName"],
        "description": group["Description"],
        "vpcId": group["VpcId"],
        **{
            name: _inline_as_seen(state[name], group[permissions])
            for name, permissions in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress"))
            if name in state
        },
        **tags_of(group, state),
    }


_RULE_SOURCES = {"cidrIpv4": "CidrIpv4", "cidrIpv6": "CidrIpv6", "prefixListId": "PrefixListId"}


def _rule(resource: Any, *, ingress: bool) -> Described:
    properties = {"securityGroupId", "ipProtocol", "fromPort", "toPort", "region", *_RULE_SOURCES}

    def make(ec2: Api, inputs: Properties) -> str:
        permission = _permission(inputs)
        authorize = ec2.authorize_security_group_ingress if ingress else ec2.authorize_security_group_egress
        authorized = authorize(GroupId=inputs["securityGroupId"], IpPermissions=[permission])
        return authorized["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def remove(ec2: Api, id: str, state: Properties) -> None:
        revoke = ec2.revoke_security_group_ingress if ingress else ec2.revoke_security_group_egress
        revoke(GroupId=state["securityGroupId"], SecurityGroupRuleIds=[id])

    return Described(resource, "ec2", make, _describe_rule, remove, _change_tags, frozenset(properties))


def _permission(inputs: Properties) -> dict[str, Any]:
    protocol = inputs["ipProtocol"]
    permission: dict[str, Any] = {"IpProtocol": protocol}
    if protocol != "-1":
        permission.update(FromPort=inputs["fromPort"], ToPort=inputs["toPort"])
    if inputs.get("cidrIpv4"):
        permission["IpRanges"] = [{"CidrIp": inputs["cidrIpv4"]}]
    elif inputs.get("cidrIpv6"):
        permission["Ipv6Ranges"] = [{"CidrIpv6": inputs["cidrIpv6"]}]
    elif inputs.get("prefixListId"):
        permission["PrefixListIds"] = [{"PrefixListId": inputs["prefixListId"]}]
    else:
        raise CloudError(f"a security group rule needs one of {', '.join(_RULE_SOURCES)}")
    return permission


def _describe_rule(ec2: Api, id: str, state: Properties) -> Properties | None:
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [state["securityGroupId"]]}])
    rule = _only([rule for rule in rules["SecurityGroupRules"] if rule["SecurityGroupRuleId"] == id])
    if rule is None:
        return None
    sources = {ours: rule[theirs] for ours, theirs in _RULE_SOURCES.items() if rule.get(theirs)}
    return {"securityGroupId": rule["GroupId"], "securityGroupRuleId": id, **sources}


def _make_instance(ec2: Api, inputs: Properties) -> str:
    root = inputs.get("rootBlockDevice", {})
    request: dict[str, Any] = {
        "ImageId": inputs["ami"],
        "InstanceType": inputs["instanceType"],
        "SubnetId": inputs["subnetId"],
        "SecurityGroupIds": inputs.get("vpcSecurityGroupIds", []),
        "UserData": inputs.get("userData", ""),
        "MinCount": 1,
        "MaxCount": 1,
        "MetadataOptions": {
            "HttpTokens": inputs.get("metadataOptions", {}).get("httpTokens", "optional"),
            "HttpPutResponseHopLimit": inputs.get("metadataOptions", {}).get("httpPutResponseHopLimit", 1),
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "Encrypted": root.get("encrypted", False),
                    "VolumeSize": root.get("volumeSize", 8),
                    "VolumeType": root.get("volumeType", "gp3"),
                },
            }
        ],
        **_tags("instance", inputs),
    }
    if inputs.get("iamInstanceProfile"):
        request["IamInstanceProfile"] = {"Name": inputs["iamInstanceProfile"]}
    return ec2.run_instances(**request)["Instances"][0]["InstanceId"]


def _describe_instance(ec2: Api, id: str, state: Properties) -> Properties | None:
    instance = _only(ec2.describe_instances(InstanceIds=[id])["Reservations"])
    instance = instance and _only(instance["Instances"])
    if instance is None or instance["State"]["Name"] in ("terminated", "shutting-down"):
        return None
    return {
        "ami": instance["ImageId"],
        "instanceType": instance["InstanceType"],
        "subnetId": instance["SubnetId"],
        "arn": f"arn:aws:ec2:{ec2.meta.region_name}:{AWS_ACCOUNT_ID}:instance/{id}",
        "availabilityZone": instance["Placement"]["AvailabilityZone"],
        "instanceState": instance["State"]["Name"],
        "privateIp": instance["PrivateIpAddress"],
        "publicIp": instance.get("PublicIpAddress", ""),
        **tags_of(instance, state),
    }


def _make_address(ec2: Api, inputs: Properties) -> str:
    id = ec2.allocate_address(Domain="vpc", **_tags("elastic-ip", inputs))["AllocationId"]
    if inputs.get("instance"):
        ec2.associate_address(AllocationId=id, InstanceId=inputs["instance"])
    return id


def _change_address(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    """The address stays while the machine behind it is another one."""
    if new.get("instance") != old.get("instance"):
        address = ec2.describe_addresses(AllocationIds=[id])["Addresses"][0]
        if address.get("AssociationId"):
            ec2.disassociate_address(AssociationId=address["AssociationId"])
        if new.get("instance"):
            ec2.associate_address(AllocationId=id, InstanceId=new["instance"])
    _change_tags(ec2, id, old, new)


def _remove_address(ec2: Api, id: str, state: Properties) -> None:
    address = ec2.describe_addresses(AllocationIds=[id])["Addresses"][0]
    if address.get("AssociationId"):
        ec2.disassociate_address(AssociationId=address["AssociationId"])
    ec2.release_address(AllocationId=id)


def _describe_address(ec2: Api, id: str, state: Properties) -> Properties | None:
    address = _only(ec2.describe_addresses(AllocationIds=[id])["Addresses"])
    return address and {
        "allocationId": id,
        "publicIp": address["PublicIp"],
        "domain": address["Domain"],
        "instance": address.get("InstanceId"),
        **tags_of(address, state),
    }


def _describe_address_association(ec2: Api, id: str, state: Properties) -> Properties | None:
    addresses = ec2.describe_addresses(Filters=[{"Name": "association-id", "Values": [id]}])["Addresses"]
    address = _only(addresses)
    return address and {
        "allocationId": address["AllocationId"],
        "instanceId": address["InstanceId"],
        "publicIp": address["PublicIp"],
    }


def _tags(kind: str, inputs: Properties) -> dict[str, Any]:
    tags = tag_list(inputs.get("tags"))
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


def _change_tags(ec2: Api, id: str, old: Properties, new: Properties) -> None:
    gone = old.get("tags", {}).keys() - new.get("tags", {}).keys()
    if gone:
        ec2.delete_tags(Resources=[id], Tags=[{"Key": key} for key in sorted(gone)])
    if new.get("tags"):
        ec2.create_tags(Resources=[id], Tags=tag_list(new["tags"]))


def _only(found: list[Any]) -> Any:
    return found[0] if found else None
