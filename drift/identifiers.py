"""Computes the IDs of resources in the Pulumi state, for resource types whose ID depends only on the inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
_POOLS = "projects/{project}/locations/global/workloadIdentityPools"
_DATABASE = "{project}/instances/{instance}/databases/{database}"
# Maps each resource type to the form of the IDs of its resources. A name in braces stands for the value of the
# resource's input with this name.
_FORMS: Mapping[str, str] = {
    **dict.fromkeys(_BY_NAME, "{name}"),
    **dict.fromkeys(_BY_BUCKET, "{bucket}"),
    "aws:appautoscaling/policy:Policy": "{name}",
    "aws:appautoscaling/target:Target": "{resourceId}",
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
    "aws:s3/bucketObjectv2:BucketObjectv2": "{bucket}/{key}",
    "aws:sns/topicPolicy:TopicPolicy": "{arn}",
    "cloudflare:index/customHostnameFallbackOrigin:CustomHostnameFallbackOrigin": "{zoneId}",
    "cloudflare:index/workersScript:WorkersScript": "{scriptName}",
    "cloudflare:index/zoneSetting:ZoneSetting": "{settingId}",
    "gcp:cloudrunv2/service:Service": "projects/{project}/locations/{location}/services/{name}",
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": (
        "{project}/locations/{location}/services/{name}/{role}/{member}"
    ),
    "gcp:compute/address:Address": "projects/{project}/regions/{region}/addresses/{name}",
    "gcp:compute/backendService:BackendService": "projects/{project}/global/backendServices/{name}",
    "gcp:compute/firewall:Firewall": "projects/{project}/global/firewalls/{name}",
    "gcp:compute/globalAddress:GlobalAddress": "projects/{project}/global/addresses/{name}",
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": "projects/{project}/global/forwardingRules/{name}",
    "gcp:compute/healthCheck:HealthCheck": "projects/{project}/global/healthChecks/{name}",
    "gcp:compute/instance:Instance": "projects/{project}/zones/{zone}/instances/{name}",
    "gcp:compute/network:Network": "projects/{project}/global/networks/{name}",
    "gcp:compute/networkEndpoint:NetworkEndpoint": (
        "{project}/{zone}/{networkEndpointGroup}/{instance}/{ipAddress}/{port}"
    ),
    "gcp:compute/networkEndpointGroup:NetworkEndpointGroup": (
        "projects/{project}/zones/{zone}/networkEndpointGroups/{name}"
    ),
    "gcp:compute/subnetwork:Subnetwork": "projects/{project}/regions/{region}/subnetworks/{name}",
    "gcp:compute/targetTCPProxy:TargetTCPProxy": "projects/{project}/global/targetTcpProxies/{name}",
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": f"{_POOLS}/{{workloadIdentityPoolId}}",
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": (
        f"{_POOLS}/{{workloadIdentityPoolId}}/providers/{{workloadIdentityPoolProviderId}}"
    ),
    "gcp:kms/cryptoKey:CryptoKey": "{keyRing}/cryptoKeys/{name}",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": "{cryptoKeyId}/{role}/{member}",
    "gcp:kms/keyRing:KeyRing": "projects/{project}/locations/{location}/keyRings/{name}",
    "gcp:monitoring/metricDescriptor:MetricDescriptor": "projects/{project}/metricDescriptors/{type}",
    "gcp:pubsub/subscription:Subscription": "projects/{project}/subscriptions/{name}",
    "gcp:pubsub/topic:Topic": "projects/{project}/topics/{name}",
    "gcp:pubsub/topicIAMMember:TopicIAMMember": "{project}/topics/{topic}/{role}/{member}",
    "gcp:serviceaccount/account:Account": (
        "projects/{project}/serviceAccounts/{accountId}@{project}.iam.gserviceaccount.com"
    ),
    "gcp:serviceaccount/iAMMember:IAMMember": "{serviceAccountId}/{role}/{member}",
    "gcp:spanner/backupSchedule:BackupSchedule": f"{_DATABASE}/backupSchedules/{{name}}",
    "gcp:spanner/database:Database": "{project}/instances/{instance}/databases/{name}",
    "gcp:spanner/databaseIAMMember:DatabaseIAMMember": f"{_DATABASE}/{{role}}/{{member}}",
    "gcp:spanner/instance:Instance": "{project}/instances/{name}",
    "gcp:storage/bucket:Bucket": "{name}",
    "gcp:storage/bucketIAMMember:BucketIAMMember": "b/{bucket}/{role}/{member}",
    "gcp:storage/bucketObject:BucketObject": "{bucket}-{name}",
    "gcp:storage/transferJob:TransferJob": "{name}",
}
# Types of Pulumi resources whose creation changes nothing in a cloud. A certificate validation only waits until a
# certificate is issued. A Pulumi provider exists only in the state.
WITHOUT_TRACE = ("aws:acm/certificateValidation:CertificateValidation", "pulumi:providers:")


def _record(inputs: Inputs) -> str:
    parts = [inputs["zoneId"], inputs["name"], inputs["type"], inputs.get("setIdentifier", "")]
    return "_".join(part for part in parts if part)


def _table_replica(inputs: Inputs) -> str:
    _, _, _, home_region, _, table = inputs["globalTableArn"].split(":")
    return f"{table.removeprefix('table/')}:{home_region}"


_COMPUTED: Mapping[str, Callable[[Inputs], str]] = {
    "aws:dynamodb/tableReplica:TableReplica": _table_replica,
    "aws:route53/record:Record": _record,
    **{type_token: form.format_map for type_token, form in _FORMS.items()},
}


def has_identifier(type_token: str) -> bool:
    """Returns whether the ID of a resource of this type depends only on the resource's inputs."""
    return type_token in _COMPUTED


def identifier(type_token: str, inputs: Inputs) -> str | None:
    """Returns the ID of a resource with the inputs `inputs`, or None if the cloud chooses the ID."""
    return _COMPUTED[type_token](inputs) if has_identifier(type_token) else None
