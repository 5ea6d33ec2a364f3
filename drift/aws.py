"""Lists the AWS resources of a stack in all regions of the account, and compares them with the Pulumi state.

The AWS Resource Groups Tagging API lists most tagged resources, including recently deleted ones, but no IAM roles (User
Guide, "Resource types you can use with AWS Resource Groups and Tag Editor"). For EC2, IAM, Route 53 and Global
Accelerator, the module therefore uses the APIs of these services.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, cast

import boto3

from drift.comparison import Comparison
from drift.state import Resource, State

# The region of requests to global services. IAM and Route 53 have one API endpoint for all regions, and the tagging API
# lists global resources in this region.
_GLOBAL = "us-east-1"
# The only region in which the API of AWS Global Accelerator answers requests.
_ACCELERATORS = "us-west-2"
# The maximum number of health checks or hosted zones whose tags one request can read (Route 53 API Reference,
# "ListTagsForResources").
_TAGS_AT_ONCE = 10

# Maps a Pulumi resource type to the name of its AWS service in ARNs. This module reports resources of these types that
# are in the state but not in AWS. For all other types, `pulumi preview --refresh` reports missing resources.
_LISTED = {
    "aws:cloudwatch/logGroup:LogGroup": "logs",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "cloudwatch",
    "aws:dynamodb/table:Table": "dynamodb",
    "aws:ec2/eip:Eip": "ec2",
    "aws:ec2/instance:Instance": "ec2",
    "aws:ec2/internetGateway:InternetGateway": "ec2",
    "aws:ec2/routeTable:RouteTable": "ec2",
    "aws:ec2/securityGroup:SecurityGroup": "ec2",
    "aws:ec2/subnet:Subnet": "ec2",
    "aws:ec2/vpc:Vpc": "ec2",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "ec2",
    "aws:globalaccelerator/accelerator:Accelerator": "globalaccelerator",
    "aws:iam/role:Role": "iam",
    "aws:kms/key:Key": "kms",
    "aws:kms/replicaKey:ReplicaKey": "kms",
    "aws:lambda/function:Function": "lambda",
    "aws:route53/healthCheck:HealthCheck": "route53",
    "aws:route53/zone:Zone": "route53",
    "aws:s3/bucket:Bucket": "s3",
    "aws:sns/topic:Topic": "sns",
    "aws:sqs/queue:Queue": "sqs",
}
# The kinds of EC2 resources in a stack. Each kind has four strings: its name in ARNs, the API operation that lists its
# resources, the response field with the list of resources, and the resource field with the ID.
_EC2 = (
    ("elastic-ip", "describe_addresses", "Addresses", "AllocationId"),
    ("instance", "describe_instances", "Instances", "InstanceId"),
    ("internet-gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("route-table", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("security-group", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("subnet", "describe_subnets", "Subnets", "SubnetId"),
    ("vpc", "describe_vpcs", "Vpcs", "VpcId"),
    ("vpc-endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
)
# The states in which AWS still lists VPC endpoints that were deleted.
_ENDING = ("deleting", "deleted")
_NOT_TERMINATED = ("pending", "running", "stopping", "stopped")
# For resources of these AWS services, the module compares the last part of the ARN with the ID in the Pulumi state. The
# module does not compare the whole ARN, because a copy of a resource in another region has the same ID and another ARN.
_BY_ID = {"dynamodb", "ec2", "route53"}
# The AWS services whose resources this module lists through each service's own API. The module ignores what the tagging
# API returns for these services, because that can include recently deleted resources.
_OWN_LISTS = ("ec2", "globalaccelerator", "iam", "route53")


def compare(state: State) -> Comparison:
    """Compares the resources in the AWS account of the default credentials with the resources in the Pulumi state."""
    known = [resource for resource in state.resources if resource.type.startswith("aws:")]
    arns = {resource.arn for resource in known}
    ids = {(_LISTED.get(resource.type), resource.id) for resource in known}
    listed = {arn for arn in _listed(state) if not _is_ending(arn)}
    found = Comparison()
    found.add(
        (arn for arn in listed if arn not in arns and (_service(arn), _id(arn)) not in ids),
        (resource for resource in known if resource.type in _LISTED and not _is_listed(resource, listed)),
    )
    return found


def _is_listed(resource: Resource, listed: set[str]) -> bool:
    service = _LISTED[resource.type]
    if service in _BY_ID:
        return any(_id(arn) == resource.id and _service(arn) == service for arn in listed)
    return resource.arn in listed


def _listed(state: State) -> Iterator[str]:
    """Yields the ARN of each AWS resource that has the stack's tags.

    The tagging API may still list resources that were deleted recently.
    """
    tags = {"project": state.project, "environment": state.environment}
    account = _client("sts", _GLOBAL).get_caller_identity()["Account"]
    for region in _client("ec2", _GLOBAL).describe_regions()["Regions"]:
        yield from _tagged(region["RegionName"], tags)
        yield from _of_ec2(region["RegionName"], account, tags)
    yield from _roles(state.prefix, tags)
    yield from _route53(tags)
    yield from _accelerators(tags)


def _tagged(region: str, tags: Mapping[str, str]) -> Iterator[str]:
    pages = _client("resourcegroupstaggingapi", region).get_paginator("get_resources")
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    for page in pages.paginate(TagFilters=filters):
        arns = (each["ResourceARN"] for each in page["ResourceTagMappingList"])
        yield from (arn for arn in arns if _service(arn) not in _OWN_LISTS)


def _of_ec2(region: str, account: str, tags: Mapping[str, str]) -> Iterator[str]:
    """Yields the ARNs of the EC2 resources in a region that have the stack's tags. Terminated machines are left out."""
    ec2 = _client("ec2", region)
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]
    for kind, operation, members, id in _EC2:
        more = [{"Name": "instance-state-name", "Values": list(_NOT_TERMINATED)}] if kind == "instance" else []
        if ec2.can_paginate(operation):
            pages = ec2.get_paginator(operation).paginate(Filters=[*filters, *more])
        else:
            pages = [getattr(ec2, operation)(Filters=[*filters, *more])]
        for page in pages:
            # DescribeInstances groups machines by the request that started them, so its response has one more level
            # than other responses.
            for part in page.get("Reservations", [page]):
                existing = (each for each in part[members] if str(each.get("State", "")).lower() not in _ENDING)
                yield from (f"arn:aws:ec2:{region}:{account}:{kind}/{each[id]}" for each in existing)


def _roles(prefix: str, tags: Mapping[str, str]) -> Iterator[str]:
    iam = _client("iam", _GLOBAL)
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            # The prefix alone does not identify the stack: the names of the roles of `prod-2` also begin with the
            # prefix of `prod`. The role's tags therefore decide whether the role belongs to this stack.
            if role["RoleName"].startswith(f"{prefix}-"):
                has = iam.list_role_tags(RoleName=role["RoleName"])["Tags"]
                if tags.items() <= {each["Key"]: each["Value"] for each in has}.items():
                    yield role["Arn"]


def _route53(tags: Mapping[str, str]) -> Iterator[str]:
    route53 = _client("route53", _GLOBAL)
    checks = [
        check["Id"] for page in route53.get_paginator("list_health_checks").paginate() for check in page["HealthChecks"]
    ]
    zones = [
        zone["Id"].removeprefix("/hostedzone/")
        for page in route53.get_paginator("list_hosted_zones").paginate()
        for zone in page["HostedZones"]
    ]
    for kind, ids in (("healthcheck", checks), ("hostedzone", zones)):
        left = iter(ids)
        while some := list(islice(left, _TAGS_AT_ONCE)):
            sets = route53.list_tags_for_resources(ResourceType=kind, ResourceIds=some)["ResourceTagSets"]
            for each in sets:
                if tags.items() <= {tag["Key"]: tag["Value"] for tag in each["Tags"]}.items():
                    yield f"arn:aws:route53:::{kind}/{each['ResourceId']}"


def _accelerators(tags: Mapping[str, str]) -> Iterator[str]:
    api = _client("globalaccelerator", _ACCELERATORS)
    for page in api.get_paginator("list_accelerators").paginate():
        for each in page["Accelerators"]:
            has = api.list_tags_for_resource(ResourceArn=each["AcceleratorArn"])["Tags"]
            if tags.items() <= {tag["Key"]: tag["Value"] for tag in has}.items():
                yield each["AcceleratorArn"]


def _is_ending(arn: str) -> bool:
    """Returns whether the ARN belongs to a KMS key that is scheduled for deletion and can still be restored. AWS lists
    these keys with their tags, like other keys.
    """
    if _service(arn) != "kms":
        return False
    key = _client("kms", arn.split(":")[3]).describe_key(KeyId=arn)["KeyMetadata"]
    return key["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion")


def _service(arn: str) -> str:
    return arn.split(":")[2]


def _id(arn: str) -> str:
    return arn.replace("/", ":").rpartition(":")[2]


def _client(service: str, region: str) -> Any:
    return cast(Any, boto3).client(service, region_name=region)
