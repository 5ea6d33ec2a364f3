"""Deletes AWS resources that are missing in the Pulumi state, as an operator would do in the AWS console."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import boto3

# Maps each kind of AWS resource to the call that deletes such a resource. A key consists of the service and the
# resource type, as they appear in an ARN. AWS does not delete a resource that another resource uses, so the order of
# the keys is an order in which the resources can be deleted.
_DELETIONS: dict[tuple[str, str], Callable[[Any, str, str], object]] = {
    ("cloudwatch", "alarm"): lambda api, id, _: api.delete_alarms(AlarmNames=[id]),
    ("route53", "healthcheck"): lambda api, id, _: api.delete_health_check(HealthCheckId=id),
    ("route53", "hostedzone"): lambda api, id, _: api.delete_hosted_zone(Id=id),
    ("acm", "certificate"): lambda api, _, arn: api.delete_certificate(CertificateArn=arn),
    ("lambda", "event-source-mapping"): lambda api, id, _: api.delete_event_source_mapping(UUID=id),
    ("lambda", "function"): lambda api, id, _: api.delete_function(FunctionName=id),
    ("events", "rule"): lambda api, id, _: api.delete_rule(Name=id),
    ("ssm", "parameter"): lambda api, id, _: api.delete_parameter(Name=f"/{id}"),
    ("dynamodb", "table"): lambda api, id, _: api.delete_table(TableName=id),
    ("ec2", "instance"): lambda api, id, _: api.terminate_instances(InstanceIds=[id]),
    ("ec2", "elastic-ip"): lambda api, id, _: api.release_address(AllocationId=id),
    ("ec2", "vpc-endpoint"): lambda api, id, _: api.delete_vpc_endpoints(VpcEndpointIds=[id]),
    ("ec2", "route-table"): lambda api, id, _: api.delete_route_table(RouteTableId=id),
    ("ec2", "subnet"): lambda api, id, _: api.delete_subnet(SubnetId=id),
    ("ec2", "security-group"): lambda api, id, _: api.delete_security_group(GroupId=id),
    ("ec2", "internet-gateway"): lambda api, id, _: api.delete_internet_gateway(InternetGatewayId=id),
    ("ec2", "vpc"): lambda api, id, _: api.delete_vpc(VpcId=id),
    ("iam", "role"): lambda api, id, _: api.delete_role(RoleName=id),
    ("iam", "policy"): lambda api, _, arn: api.delete_policy(PolicyArn=arn),
    ("iam", "instance-profile"): lambda api, id, _: api.delete_instance_profile(InstanceProfileName=id),
    ("logs", "log-group"): lambda api, id, _: api.delete_log_group(logGroupName=id.removesuffix(":*")),
    ("s3", ""): lambda api, id, _: api.delete_bucket(Bucket=id),
    ("sqs", ""): lambda api, id, _: api.delete_queue(QueueUrl=api.get_queue_url(QueueName=id)["QueueUrl"]),
    ("sns", ""): lambda api, _, arn: api.delete_topic(TopicArn=arn),
    ("kms", "key"): lambda api, id, _: api.schedule_key_deletion(KeyId=id, PendingWindowInDays=7),
}


def delete(arns: Sequence[str]) -> None:
    """Deletes the AWS resources with these ARNs. A resource that uses other resources is deleted before them."""
    kinds = list(_DELETIONS)
    for arn in sorted(arns, key=lambda arn: kinds.index(_kind(arn))):
        _, _, service, region, *_ = arn.split(":", 5)
        api: Any = cast(Any, boto3).client(service, region_name=region or "us-east-1")
        _DELETIONS[_kind(arn)](api, _id(arn), arn)


def _kind(arn: str) -> tuple[str, str]:
    """Returns the service and the kind of the resource with the given ARN. The kind is empty for services that have
    only one kind of resource, because their ARNs do not contain the kind.
    """
    _, _, service, _, _, resource = arn.split(":", 5)
    kind = re.match(r"([a-z-]+)[:/]", resource)
    return service, kind[1] if kind else ""


def _id(arn: str) -> str:
    resource = arn.split(":", 5)[5]
    return re.sub(r"^[a-z-]+[:/]", "", resource)
