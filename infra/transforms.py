"""Resource transforms that apply to all resources of a stack. They add tags, set the permissions boundary of IAM roles,
and protect irreplaceable resources from deletion.

Register each transform with `pulumi.runtime.register_resource_transform` before the first resource.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from keyword import iskeyword
from typing import Any, cast, get_args, get_origin

import pulumi

# Maps each Pulumi provider to the arguments that set the tags of a resource. Each argument is mapped to its name in
# Pulumi's state. If a resource type has several of these arguments, the tags go into the first of them. `user_labels`
# is listed before `labels`, because a Google Cloud type with `user_labels` uses `labels` for other data (REST
# reference, "NotificationChannel").
_TAG_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "aws": {"tags": "tags"},
    "gcp": {"user_labels": "userLabels", "labels": "labels"},
}

# Pulumi types of resources that contain published data or the keys for this data. The type of the DNS zone is included,
# because the zone contains the hostname that clients connect to. If the stack's config turns protection on, no `up` or
# `destroy` deletes a resource of these types.
IRREPLACEABLE = frozenset(
    {
        "aws:s3/bucket:Bucket",
        "aws:dynamodb/table:Table",
        "aws:route53/zone:Zone",
        "aws:kms/key:Key",
        "aws:kms/replicaKey:ReplicaKey",
        "gcp:storage/bucket:Bucket",
        "gcp:kms/cryptoKey:CryptoKey",
        "gcp:spanner/instance:Instance",
        "gcp:spanner/database:Database",
    }
)


def tag(tags: Mapping[str, str]) -> pulumi.ResourceTransform:
    """Returns a Pulumi transform that adds `tags` to every resource that can have tags.

    If a resource has a tag of its own with the same key, the resource keeps its own tag. On Google Cloud the tags
    become labels.
    """

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        argument = tag_argument(args.type_) if args.custom else None
        if argument is None:
            return None
        own = cast(Mapping[str, Any], args.props.get(argument) or {})
        added = tags if argument == "tags" else {_label(key): _label(value) for key, value in tags.items()}
        return pulumi.ResourceTransformResult({**args.props, argument: {**added, **own}}, args.opts)

    return transform


def bound(policy_arn: str) -> pulumi.ResourceTransform:
    """Returns a Pulumi transform that sets the IAM policy `policy_arn` as the permissions boundary of every IAM
    role.
    """

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if args.type_ != "aws:iam/role:Role":
            return None
        return pulumi.ResourceTransformResult({**args.props, "permissionsBoundary": policy_arn}, args.opts)

    return transform


def protect(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """A Pulumi transform that sets `protect` on irreplaceable resources. The engine refuses to delete resources with
    this setting.
    """
    if args.type_ not in IRREPLACEABLE:
        return None
    return pulumi.ResourceTransformResult(
        args.props, pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True))
    )


@cache
def tag_argument(type_token: str) -> str | None:
    """Returns the name of the property in which resources of a Pulumi type have their tags. Returns None if the type
    has no tags, or if its tags are not a mapping.

    The function finds the property in the signatures of the provider's SDK.
    """
    arguments = _TAG_ARGUMENTS.get(type_token.split(":")[0])
    if arguments is None:
        return None
    constructor: Any = vars(resource_class(type_token))["_internal_init"]
    parameters = inspect.signature(constructor).parameters
    argument = next((name for name in arguments if name in parameters), None)
    if argument is None:
        return None
    kinds = get_args(parameters[argument].annotation)
    return arguments[argument] if any(get_origin(kind) is Mapping for kind in kinds) else None


def resource_class(type_token: str) -> type[pulumi.CustomResource]:
    """Returns the Python class of a Pulumi type token: `aws:ec2/vpc:Vpc` gives `pulumi_aws.ec2.Vpc`."""
    package, path, name = type_token.split(":")
    module = path.split("/")[0]
    home = f"pulumi_{package}" if module == "index" else f"pulumi_{package}.{module}{'_' * iskeyword(module)}"
    return getattr(import_module(home), name)


def _label(text: str) -> str:
    """Converts a string to a valid Google Cloud label: at most 63 characters, each of which is a-z, 0-9, `_` or `-`.

    Source: Resource Manager guide, "Requirements for labels".
    """
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63]
