"""Lists the IAM permissions that an AWS API call needs: actions, resources and the values of condition keys.

Source: AWS, Service Authorization Reference, including the column "Dependent actions". The module `s3_permissions` has
the permissions of S3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulation.aws.api_calls import ApiCall
from emulation.aws.arns import resources, role_arn, roles_of_profile
from emulation.aws.condition_values import condition_values, request_tags
from emulation.aws.conditions import Values
from emulation.aws.dynamodb_permissions import created_replicas, of_items, of_keys, of_replicas
from emulation.layout import AWS_ACCOUNT_ID

# Maps botocore's name of an AWS service to the prefix of the service's IAM actions. Services whose prefix is their
# botocore name are not listed.
_PREFIXES = {"dynamodbstreams": "dynamodb", "resourcegroupstaggingapi": "tag"}

# API operations that need no permission (API Reference of AWS STS).
_FREE = {("sts", "GetCallerIdentity")}

# Maps an AWS service to the IAM action that a call needs in addition if the call creates a resource with tags.
_TAGGING = {
    "acm": "acm:AddTagsToCertificate",
    "application-autoscaling": "application-autoscaling:TagResource",
    "cloudwatch": "cloudwatch:TagResource",
    "dynamodb": "dynamodb:TagResource",
    "ec2": "ec2:CreateTags",
    "events": "events:TagResource",
    "globalaccelerator": "globalaccelerator:TagResource",
    "kms": "kms:TagResource",
    "lambda": "lambda:TagResource",
    "logs": "logs:TagResource",
    "sns": "sns:TagResource",
    "sqs": "sqs:TagQueue",
    "ssm": "ssm:AddTagsToResource",
}
# Maps an operation of the IAM API to a tagging action. A call that creates a resource with tags also needs the
# permission for this action. IAM has a separate tagging action for each type of resource.
_IAM_TAGGING = {
    "CreateInstanceProfile": "iam:TagInstanceProfile",
    "CreateOpenIDConnectProvider": "iam:TagOpenIDConnectProvider",
    "CreatePolicy": "iam:TagPolicy",
    "CreateRole": "iam:TagRole",
}
_TAGGING_OPERATIONS = ("Tag", "CreateTags", "AddTags", "ChangeTags")
# AWS chooses the IDs of some new resources, such as KMS keys, so a policy cannot contain their ARNs in advance. To
# create such a resource, a caller needs a permission on all resources of its type. Maps an AWS service to the last part
# of the ARN pattern that covers these resources.
_NEW = {
    "acm": "certificate/*",
    "globalaccelerator": "accelerator/*",
    "kms": "key/*",
    "lambda": "event-source-mapping:*",
}
# The API operations that create resources of the types in `_NEW`. AWS chooses the IDs of these resources.
_CREATES = (
    "CreateAccelerator",
    "CreateEventSourceMapping",
    "CreateKey",
    "ReplicateKey",
    "RequestCertificate",
)


@dataclass(frozen=True)
class RequiredPermission:
    """A permission that an AWS API call needs: an IAM action on a resource. `context` holds the values that the call
    has for the condition keys of this action.
    """

    action: str
    resource: str
    context: Mapping[str, Values] = field(default_factory=dict[str, Values], hash=False)


def required_permissions(call: ApiCall) -> Iterator[RequiredPermission]:
    """Yields each permission that an AWS API call needs. Raises KeyError if the emulation does not know the permissions
    of the operation.
    """
    if (call.service, call.operation) in _FREE:
        return
    prefix = _PREFIXES.get(call.service, call.service)
    for name in _action_names(call):
        for resource in resources(call):
            yield RequiredPermission(f"{prefix}:{name}", resource, condition_values(call, resource))
    yield from _tagging(call)
    yield from _passed_roles(call)
    yield from _linked_roles(call)
    if call.service == "dynamodb":
        for action, resource, keys in of_items(call):
            yield RequiredPermission(action, resource, keys)
        for action, resource in of_replicas(call):
            yield RequiredPermission(action, resource)
        for action, resource in of_keys(call):
            used = ApiCall("kms", "", "", {})
            yield RequiredPermission(action, resource, condition_values(used, resource))
    if (call.service, call.operation) == ("kms", "ReplicateKey"):
        yield RequiredPermission("kms:CreateKey", "*", request_tags(call))


def passed_role(role: str, service: str) -> RequiredPermission:
    """Returns the permission that a caller needs to pass an IAM role to an AWS service."""
    return RequiredPermission("iam:PassRole", role, {"iam:PassedToService": service})


def _action_names(call: ApiCall) -> tuple[str, ...]:
    if call.service == "dynamodb" and call.operation.startswith(("Batch", "Transact")):
        return ()
    return (call.operation,)


def _tagging(call: ApiCall) -> Iterator[RequiredPermission]:
    tags = request_tags(call)
    action = _TAGGING.get(call.service) or (_IAM_TAGGING.get(call.operation) if call.service == "iam" else None)
    if not tags or action is None or call.operation.startswith(_TAGGING_OPERATIONS):
        return
    found = [each for each in resources(call) if each != "*"]
    if call.service == "ec2":
        created = {each["ResourceType"] for each in call.parameters["TagSpecifications"]}
        found = [f"arn:aws:ec2:{call.region}:{AWS_ACCOUNT_ID}:{kind}/*" for kind in sorted(created)]
    elif call.operation in _CREATES:
        # Global Accelerator is a global service, so the ARNs of its resources contain no region.
        of_call = "" if call.service == "globalaccelerator" else call.region
        region = call.parameters.get("ReplicaRegion", of_call)
        found = [f"arn:aws:{call.service}:{region}:{AWS_ACCOUNT_ID}:{_NEW[call.service]}"]
    for resource in found:
        yield RequiredPermission(action, resource, tags)


def _passed_roles(call: ApiCall) -> Iterator[RequiredPermission]:
    """Yields the permissions to pass roles. A call needs one permission for each role that it gives to an AWS service
    (IAM User Guide, "Grant a user permissions to pass a role to an AWS service").
    """
    parameters = call.parameters
    passed: list[tuple[str, str]] = []
    if call.service == "lambda" and "Role" in parameters:
        passed = [(parameters["Role"], "lambda.amazonaws.com")]
    elif call.operation == "AddRoleToInstanceProfile":
        passed = [(role_arn(parameters["RoleName"]), "ec2.amazonaws.com")]
    elif call.operation == "RunInstances" and "IamInstanceProfile" in parameters:
        profile: Mapping[str, Any] = parameters["IamInstanceProfile"]
        passed = [(role, "ec2.amazonaws.com") for role in roles_of_profile(profile["Name"])]
    for role, service in passed:
        yield passed_role(role, service)


def _linked_roles(call: ApiCall) -> Iterator[RequiredPermission]:
    """Some API calls make AWS create a service-linked role if the account does not have the role yet. For such a call,
    yields the permission to create the role.
    """
    created = {
        ("kms", "CreateKey"): (
            call.parameters.get("MultiRegion"),
            "mrk.kms",
            "AWSServiceRoleForKeyManagementServiceMultiRegionKeys",
        ),
        ("dynamodb", "UpdateTable"): (
            created_replicas(call),
            "replication.dynamodb",
            "AWSServiceRoleForDynamoDBReplication",
        ),
        ("application-autoscaling", "RegisterScalableTarget"): (
            call.parameters.get("ServiceNamespace") == "dynamodb",
            "dynamodb.application-autoscaling",
            "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
        ),
        ("globalaccelerator", "CreateAccelerator"): (
            True,
            "globalaccelerator",
            "AWSServiceRoleForGlobalAccelerator",
        ),
    }
    needed, service, name = created.get((call.service, call.operation), (None, "", ""))
    if needed:
        linked = f"{service}.amazonaws.com"
        arn = f"arn:aws:iam::{AWS_ACCOUNT_ID}:role/aws-service-role/{linked}/{name}"
        yield RequiredPermission("iam:CreateServiceLinkedRole", arn, {"iam:AWSServiceName": linked})
