"""What holds for all resources of a stack alike: tags, and protection of what cannot be made again.

Register with `pulumi.runtime.register_resource_transform` before the first resource.
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

_TAG_ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "aws": {"tags": "tags"},
    "gcp": {"user_labels": "userLabels", "labels": "labels"},
}
"""By provider: the arguments that take a resource's tags, the first that there is, with their names on the wire. Where
Google Cloud has `user_labels`, `labels` are a part of what the resource is (REST reference, "NotificationChannel")."""

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
"""Types that hold what was published, what decrypts it, or what clients' resolvers are told of: no `up` or `destroy`
ever deletes them."""


def tag(tags: Mapping[str, str]) -> pulumi.ResourceTransform:
    """Puts `tags` on every resource that can carry them; a resource's own win. Google Cloud calls them labels."""

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        argument = tag_argument(args.type_) if args.custom else None
        if argument is None:
            return None
        own = cast(Mapping[str, Any], args.props.get(argument) or {})
        added = tags if argument == "tags" else {_label(key): _label(value) for key, value in tags.items()}
        return pulumi.ResourceTransformResult({**args.props, argument: {**added, **own}}, args.opts)

    return transform


def protect(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Has the engine refuse to delete what cannot be made again."""
    if args.type_ not in IRREPLACEABLE:
        return None
    return pulumi.ResourceTransformResult(
        args.props, pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True))
    )


@cache
def tag_argument(type_token: str) -> str | None:
    """The property in which resources of the type take tags as a mapping, or None. The SDK's own signatures tell."""
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
    """The class behind `aws:ec2/vpc:Vpc`, which the SDKs export as `pulumi_aws.ec2.Vpc`."""
    package, path, name = type_token.split(":")
    module = path.split("/")[0]
    home = f"pulumi_{package}" if module == "index" else f"pulumi_{package}.{module}{'_' * iskeyword(module)}"
    return getattr(import_module(home), name)


def _label(text: str) -> str:
    """At most 63 small letters, digits, `_` and `-` (Resource Manager guide, "Requirements for labels")."""
    return re.sub(r"[^a-z0-9_-]", "-", text.lower())[:63]
