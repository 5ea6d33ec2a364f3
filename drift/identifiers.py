"""Computes the IDs of resources in the Pulumi state, for resource types whose ID depends only on the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Inputs = Mapping[str, Any]

_BY_NAME = (
    "aws:cloudwatch/eventRule:EventRule",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:dynamodb/table:Table",
    "aws:iam/instanceProfile:InstanceProfile",
    "aws:iam/role:Role",
    "aws:kms/alias:Alias",
    "aws:lambda/function:Function",
    "aws:ssm/parameter:Parameter",
)
_BY_BUCKET = (
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLogging:BucketLogging",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
)
# The pattern of the cloud's ID for each resource type, with the names of inputs in braces.
_FORMS: Mapping[str, str] = {
    **dict.fromkeys(_BY_NAME, "{name}"),
    **dict.fromkeys(_BY_BUCKET, "{bucket}"),
    "aws:cloudwatch/dashboard:Dashboard": "{dashboardName}",
    "aws:cloudwatch/eventTarget:EventTarget": "{rule}-{targetId}",
    "aws:ec2/route:Route": "{routeTableId}_{destinationCidrBlock}",
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": "{roleName}",
    "aws:iam/rolePolicy:RolePolicy": "{role}:{name}",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "{roleName}",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "{functionName}",
    "aws:lambda/functionUrl:FunctionUrl": "{functionName}",
    "aws:lambda/permission:Permission": "{statementId}",
    "aws:s3/bucketMetric:BucketMetric": "{bucket}:{name}",
    "aws:sns/topicPolicy:TopicPolicy": "{arn}",
    "cloudflare:index/customHostnameFallbackOrigin:CustomHostnameFallbackOrigin": "{zoneId}",
    "cloudflare:index/workersScript:WorkersScript": "{scriptName}",
    "cloudflare:index/zoneSetting:ZoneSetting": "{settingId}",
    "gcp:compute/address:Address": "projects/{project}/regions/{region}/addresses/{name}",
    "gcp:compute/firewall:Firewall": "projects/{project}/global/firewalls/{name}",
    "gcp:compute/instance:Instance": "projects/{project}/zones/{zone}/instances/{name}",
    "gcp:compute/network:Network": "projects/{project}/global/networks/{name}",
    "gcp:compute/subnetwork:Subnetwork": "projects/{project}/regions/{region}/subnetworks/{name}",
    "gcp:serviceaccount/account:Account": (
        "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com"
    ),
}
# Resource types whose creation changes nothing in a cloud: the creation waits for another resource, or the resource is
# a Pulumi provider.
WITHOUT_TRACE = ("aws:acm/certificateValidation:CertificateValidation", "pulumi:providers:")


def identifier(type_token: str, inputs: Inputs) -> str | None:
    """Returns the ID of a resource with these inputs, or None if the cloud chooses the IDs of the resource's type."""
    if type_token == "aws:route53/record:Record":  # noqa: S105  a type of resources
        parts = [inputs["zoneId"], inputs["name"], inputs["type"], inputs.get("setIdentifier", "")]
        return "_".join(part for part in parts if part)
    form = _FORMS.get(type_token)
    return form.format_map(inputs) if form else None
