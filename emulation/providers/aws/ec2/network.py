"""Emulates how Pulumi's AWS provider manages the network of a shield (a regional cache): the VPC, subnets, routes, and
the VPC endpoint for S3.
"""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws

from emulation.providers.aws.clients import tags_of
from emulation.providers.aws.described import Api, Described
from emulation.providers.aws.ec2.tags import change_tags, only, tags
from emulation.providers.handler import Handler, Properties


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves VPCs, subnets, routes and VPC endpoints."""
    return [
        Described(
            aws.ec2.Vpc,
            "ec2",
            make=_make_vpc,
            describe=_describe_vpc,
            remove=lambda ec2, id, state: ec2.delete_vpc(VpcId=id),
            change=_change_vpc,
            replace_on=frozenset({"cidrBlock", "region"}),
        ),
        Described(
            aws.ec2.InternetGateway,
            "ec2",
            make=_make_gateway,
            describe=_describe_gateway,
            remove=_remove_gateway,
            change=change_tags,
            replace_on=frozenset({"vpcId", "region"}),
        ),
        Described(
            aws.ec2.RouteTable,
            "ec2",
            make=lambda ec2, inputs: ec2.create_route_table(VpcId=inputs["vpcId"], **tags("route-table", inputs))[
                "RouteTable"
            ]["RouteTableId"],
            describe=_describe_route_table,
            remove=lambda ec2, id, state: ec2.delete_route_table(RouteTableId=id),
            change=change_tags,
            replace_on=frozenset({"vpcId", "region"}),
        ),
        Described(
            aws.ec2.Route,
            "ec2",
            make=_make_route,
            describe=_describe_route,
            remove=lambda ec2, id, state: ec2.delete_route(
                RouteTableId=state["routeTableId"], DestinationCidrBlock=state["destinationCidrBlock"]
            ),
            replace_on=frozenset({"routeTableId", "destinationCidrBlock", "gatewayId", "region"}),
        ),
        Described(
            aws.ec2.Subnet,
            "ec2",
            make=_make_subnet,
            describe=_describe_subnet,
            remove=lambda ec2, id, state: ec2.delete_subnet(SubnetId=id),
            change=_change_subnet,
            replace_on=frozenset({"vpcId", "cidrBlock", "availabilityZone", "region"}),
        ),
        Described(
            aws.ec2.RouteTableAssociation,
            "ec2",
            make=lambda ec2, inputs: ec2.associate_route_table(
                RouteTableId=inputs["routeTableId"], SubnetId=inputs["subnetId"]
            )["AssociationId"],
            describe=_describe_association,
            remove=lambda ec2, id, state: ec2.disassociate_route_table(AssociationId=id),
            replace_on=frozenset({"routeTableId", "subnetId", "region"}),
        ),
        Described(
            aws.ec2.VpcEndpoint,
            "ec2",
            make=_make_endpoint,
            describe=_describe_endpoint,
            remove=lambda ec2, id, state: ec2.delete_vpc_endpoints(VpcEndpointIds=[id]),
            change=change_tags,
            replace_on=frozenset({"vpcId", "serviceName", "vpcEndpointType", "routeTableIds", "region"}),
        ),
    ]


def _make_vpc(ec2: Api, inputs: Properties) -> str:
    id = ec2.create_vpc(CidrBlock=inputs["cidrBlock"], **tags("vpc", inputs))["Vpc"]["VpcId"]
    _set_vpc_names(ec2, id, inputs)
    return id


def _describe_vpc(ec2: Api, id: str, state: Properties) -> Properties | None:
    vpc = only(ec2.describe_vpcs(VpcIds=[id])["Vpcs"])

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
    change_tags(ec2, id, old, new)


def _set_vpc_names(ec2: Api, id: str, inputs: Properties) -> None:
    """Sets the DNS attributes of a VPC. Each attribute needs an API call of its own, because ModifyVpcAttribute accepts
    only one attribute (EC2 API Reference, "ModifyVpcAttribute").
    """
    ec2.modify_vpc_attribute(VpcId=id, EnableDnsSupport={"Value": inputs.get("enableDnsSupport", True)})
    ec2.modify_vpc_attribute(VpcId=id, EnableDnsHostnames={"Value": inputs.get("enableDnsHostnames", False)})


def _make_gateway(ec2: Api, inputs: Properties) -> str:
    id = ec2.create_internet_gateway(**tags("internet-gateway", inputs))["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=id, VpcId=inputs["vpcId"])
    return id


def _describe_gateway(ec2: Api, id: str, state: Properties) -> Properties | None:
    gateway = only(ec2.describe_internet_gateways(InternetGatewayIds=[id])["InternetGateways"])
    if gateway is None:
        return None
    attached = [attachment["VpcId"] for attachment in gateway["Attachments"]]
    return {"vpcId": attached[0] if attached else None, **tags_of(gateway, state)}


def _remove_gateway(ec2: Api, id: str, state: Properties) -> None:
    ec2.detach_internet_gateway(InternetGatewayId=id, VpcId=state["vpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=id)


def _describe_route_table(ec2: Api, id: str, state: Properties) -> Properties | None:
    table = only(ec2.describe_route_tables(RouteTableIds=[id])["RouteTables"])
    return table and {"vpcId": table["VpcId"], **tags_of(table, state)}


def _make_route(ec2: Api, inputs: Properties) -> str:
    table, destination = inputs["routeTableId"], inputs["destinationCidrBlock"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock=destination, GatewayId=inputs["gatewayId"])
    return f"{table}_{destination}"


def _describe_route(ec2: Api, id: str, state: Properties) -> Properties | None:
    table_id, destination = id.split("_")
    table = only(ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"])
    routes: list[Any] = table["Routes"] if table else []
    route = only([route for route in routes if route.get("DestinationCidrBlock") == destination])
    return route and {"gatewayId": route.get("GatewayId"), "state": route.get("State")}


def _make_subnet(ec2: Api, inputs: Properties) -> str:
    request = {"VpcId": inputs["vpcId"], "CidrBlock": inputs["cidrBlock"], **tags("subnet", inputs)}
    if inputs.get("availabilityZone"):
        request["AvailabilityZone"] = inputs["availabilityZone"]
    id = ec2.create_subnet(**request)["Subnet"]["SubnetId"]
    _change_subnet(ec2, id, {}, inputs)
    return id


def _describe_subnet(ec2: Api, id: str, state: Properties) -> Properties | None:
    subnet = only(ec2.describe_subnets(SubnetIds=[id])["Subnets"])
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
        change_tags(ec2, id, old, new)


def _describe_association(ec2: Api, id: str, state: Properties) -> Properties | None:
    tables = ec2.describe_route_tables(Filters=[{"Name": "association.route-table-association-id", "Values": [id]}])
    table = only(tables["RouteTables"])
    associations: list[Any] = table["Associations"] if table else []
    found = [association for association in associations if association["RouteTableAssociationId"] == id]
    return {"routeTableId": found[0]["RouteTableId"], "subnetId": found[0]["SubnetId"]} if found else None


def _make_endpoint(ec2: Api, inputs: Properties) -> str:
    return ec2.create_vpc_endpoint(
        VpcId=inputs["vpcId"],
        ServiceName=inputs["serviceName"],
        VpcEndpointType=inputs.get("vpcEndpointType", "Gateway"),
        RouteTableIds=inputs.get("routeTableIds", []),
        **tags("vpc-endpoint", inputs),
    )["VpcEndpoint"]["VpcEndpointId"]


def _describe_endpoint(ec2: Api, id: str, state: Properties) -> Properties | None:
    endpoint = only(ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"])
    if endpoint is None or endpoint["State"] == "deleted":
        return None
    return {
        "vpcId": endpoint["VpcId"],
        "serviceName": endpoint["ServiceName"],
        "vpcEndpointType": endpoint["VpcEndpointType"],
        "routeTableIds": endpoint.get("RouteTableIds", []),
        **tags_of(endpoint, state),
    }
