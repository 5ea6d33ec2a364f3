"""Finds the values of IAM condition keys for a call of the AWS API: tags, permissions boundaries and others.

Source: IAM User Guide, "AWS global condition context keys"; Service Authorization Reference, "Condition keys".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from moto.acm.models import acm_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends

from emulation.aws.api_calls import ApiCall
from emulation.aws.conditions import Values
from emulation.aws.dynamodb_permissions import leading_keys, queried_keys
from emulation.aws.global_accelerator.models import accelerator_arn, backend_of
from emulation.layout import AWS_ACCOUNT_ID

# The IAM operations whose requests have a value for the condition key `iam:PermissionsBoundary`. The value is the
# permissions boundary in the request. If a request contains no boundary, the value is the current boundary of the role
# that the request changes.
_OF_BOUNDARY = frozenset(
    {
        "AttachRolePolicy",
        "CreateRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "UpdateAssumeRolePolicy",
    }
)


def condition_values(call: ApiCall, resource: str) -> Mapping[str, Values]:
    """Returns the values of all IAM condition keys that the emulation supports for an API call. `resource` is the ARN
    of the resource that the call acts on.
    """
    return {
        **request_tags(call),
        **_resource_tags(resource),
        **_boundary(call),
        **_of_service(call),
    }


def request_tags(call: ApiCall) -> Mapping[str, str]:
    """Returns the tags in an AWS API request, as values of the IAM condition keys `aws:RequestTag/…`."""
    parameters = call.parameters
    found: list[Any] = [
        *(parameters.get(name) for name in ("Tags", "tags", "AddTags")),
        *(each.get("Tags") for each in parameters.get("TagSpecifications", [])),
    ]
    return {f"aws:RequestTag/{key}": value for tags in found for key, value in _pairs(tags).items()}


def _pairs(tags: Any) -> Mapping[str, str]:
    """Returns the tags in an AWS API request as a mapping. The services of AWS send tags either as a mapping or as
    lists with different member names.
    """
    if isinstance(tags, Mapping):
        return cast(Mapping[str, str], tags)
    listed = cast(list[dict[str, str]], tags or [])
    return {
        each.get("Key") or each.get("TagKey") or "": each.get("Value") or each.get("TagValue") or "" for each in listed
    }


def _resource_tags(resource: str) -> Mapping[str, str]:
    """Returns the tags of a KMS key, a certificate or an accelerator, as values of the IAM condition keys
    `aws:ResourceTag/…`. A listener and an endpoint group have the tags of their accelerator. The function returns no
    tags for other types of resources, because no policy of this project has a condition on such tags.
    """
    service, region = (resource.split(":") + [""] * 4)[2:4]
    tags: Any = []
    if service == "kms" and ":key/" in resource:
        kms: Any = kms_backends[AWS_ACCOUNT_ID][region]
        key = resource.rpartition("/")[2]
        tags = kms.list_resource_tags(key)["Tags"] if key in kms.keys else []
    elif service == "acm":
        acm: Any = acm_backends[AWS_ACCOUNT_ID][region]
        tags = acm._certificates[resource].tags if resource in acm._certificates else []
    elif service == "globalaccelerator":
        tags = backend_of().tags.get(accelerator_arn(resource), {})
    return {f"aws:ResourceTag/{key}": value for key, value in _pairs(tags).items()}


def _boundary(call: ApiCall) -> Mapping[str, str]:
    if call.service != "iam" or call.operation not in _OF_BOUNDARY:
        return {}
    roles: Any = iam_backends[AWS_ACCOUNT_ID]["aws"].roles
    current = [role.permissions_boundary_arn for role in roles.values() if role.name == call.parameters["RoleName"]]
    boundary = call.parameters.get("PermissionsBoundary") or (current[0] if current else None)
    return {"iam:PermissionsBoundary": boundary} if boundary else {}


def _of_service(call: ApiCall) -> Mapping[str, Values]:
    if call.service == "dynamodb" and "TableName" in call.parameters:
        item = call.parameters.get("Key") or call.parameters.get("Item")
        return leading_keys(call.parameters["TableName"], item) if item else queried_keys(call.parameters)
    if call.service == "cloudwatch" and "Namespace" in call.parameters:
        return {"cloudwatch:namespace": call.parameters["Namespace"]}
    if call.service == "application-autoscaling" and "ServiceNamespace" in call.parameters:
        return {"application-autoscaling:service-namespace": call.parameters["ServiceNamespace"]}
    if call.operation in ("CreateEventSourceMapping", "UpdateEventSourceMapping"):
        name = call.parameters["FunctionName"]
        arn = f"arn:aws:lambda:{call.region}:{AWS_ACCOUNT_ID}:function:{name}"
        return {"lambda:FunctionArn": name if name.startswith("arn:") else arn}
    return {}
