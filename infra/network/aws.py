"""Creates the network of the shield machines (regional caches) in one AWS region."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.network import ADDRESS_RANGE, SUBNET_RANGES, NetworkArgs


class AwsNetwork(pulumi.ComponentResource):
    """A VPC with a public subnet in each of two availability zones, and an endpoint for private access to S3.

    Shields (regional caches) fetch objects through the gateway endpoint and not over the internet (AWS PrivateLink
    guide, "Gateway endpoints for Amazon S3"). The endpoint is free and serves only buckets of the same region.
    """

    network_id: pulumi.Output[str]
    subnet_ids: Sequence[pulumi.Output[str]]
    s3_endpoint: pulumi.Output[str] | None

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:network:AwsNetwork", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        region = args.region
        vpc = aws.ec2.Vpc(
            name,
            region=region,
            cidr_block=ADDRESS_RANGE,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            opts=child,
        )
        gateway = aws.ec2.InternetGateway(name, region=region, vpc_id=vpc.id, opts=child)
        routes = aws.ec2.RouteTable(name, region=region, vpc_id=vpc.id, opts=child)
        aws.ec2.Route(
            f"{name}-internet",
            region=region,
            route_table_id=routes.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=child,
        )
        endpoint = aws.ec2.VpcEndpoint(
            f"{name}-s3",
            region=region,
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[routes.id],
            opts=child,
        )
        zones = aws.get_availability_zones_output(
            region=region,
            # Without this filter, the list begins with the Local Zones that the account has enabled. They lack most
            # machine types. The argument `state` is not set, because the list would then lack an impaired zone, and in
            # a region with two zones nothing could be deployed until the zone is repaired.
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        subnets: list[aws.ec2.Subnet] = []
        for number, addresses in enumerate(SUBNET_RANGES):
            subnet = aws.ec2.Subnet(
                f"{name}-{number}",
                region=region,
                vpc_id=vpc.id,
                cidr_block=addresses,
                availability_zone=zones.names[number],
                # Another zone would replace the subnet and its machines. Once AWS adds a zone whose name comes earlier,
                # or the account enables one, the list gives a subnet another zone (terraform-provider-aws, issue 530).
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["availability_zone"]),
            )
            aws.ec2.RouteTableAssociation(
                f"{name}-{number}", region=region, route_table_id=routes.id, subnet_id=subnet.id, opts=child
            )
            subnets.append(subnet)
        self.network_id = vpc.id
        self.s3_endpoint = endpoint.id
        self.subnet_ids = [subnet.id for subnet in subnets]
        self.register_outputs({"network_id": self.network_id, "subnet_ids": self.subnet_ids})
