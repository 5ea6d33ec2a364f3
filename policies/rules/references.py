"""Policies for keys, code and images that the stack uses but does not create. These resources must belong to the
stack's own AWS accounts and Google Cloud projects, because the owner of another account or project could change or
delete them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from pulumi_policy import Policy, ResourceValidationArgs, Severity
from pulumi_policy.proxy import UnknownValueError

from policies.framework.controls import nist, well_architected
from policies.framework.declare import each_resource, part, parts, setting, texts
from policies.framework.kinds import kind
from policies.rules.functions import FUNCTION, SERVICE

_OWNED = {
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:dynamodb/table:Table",
    "aws:ec2/instance:Instance",
    "aws:kms/alias:Alias",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:lambda/eventSourceMapping:EventSourceMapping",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:ssm/parameter:Parameter",
    "gcp:compute/instance:Instance",
    "gcp:spanner/database:Database",
    "gcp:storage/bucket:Bucket",
    FUNCTION,
    SERVICE,
}
# Regular expressions for the strings that refer to a resource: an ARN, the URL of an image in Amazon ECR, a resource
# name of Google Cloud, and the email of a service account. Each expression captures the account or project that owns
# the resource in its group.
_OWNERS = {
    "accounts": (re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):"), re.compile(r"(\d{12})\.dkr\.ecr\.")),
    "projects": (
        re.compile(r"(?:https://www\.googleapis\.com/compute/v1/)?projects/([^/]+)/"),
        re.compile(r"[^@/\s]+@([a-z0-9-]+)\.iam\.gserviceaccount\.com$"),
    ),
}
_NAMES: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}, "default": []}
_ENDPOINT = "AWS_ENDPOINT_URL"


@each_resource(
    "multi-resource-references-in-own-accounts",
    "Resources use keys, roles, queues, code and images of the stack's own AWS accounts and Google Cloud projects. "
    "Their owner can read what passes through them, or take them away.",
    of=_OWNED,
    severity=Severity.HIGH,
    control=nist("AC-20"),
    fix="Name a resource of the stack, or add its owner to the setting accounts or projects",
    config={"accounts": _NAMES, "projects": _NAMES},
)
def references_in_own_accounts(args: ResourceValidationArgs) -> Iterator[str]:
    unknown: list[UnknownValueError] = []
    for value in _texts_in(args.props, unknown):
        for owners, forms in _OWNERS.items():
            for owner in (found[1] for form in forms if (found := form.match(value))):
                if owner not in setting(args, owners, []):
                    yield f"{value} belongs to {owner}"
    if unknown:
        raise unknown[0]


@each_resource(
    "multi-function-code-from-program",
    "A function runs the code that the program deploys, on a known image, and calls the cloud's own APIs.",
    of={FUNCTION, SERVICE},
    severity=Severity.HIGH,
    control=well_architected("SEC11-BP01"),
    fix="Deploy the code from the program, without layers, images and endpoints of others, or add the image to the "
    "setting images",
    config={"images": {"type": "array", "items": {"type": "string"}, "default": ["scratch"]}},
)
def code_from_program(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == FUNCTION:
        for name in ("s3Bucket", "imageUri", "layers"):
            if args.props.get(name):
                yield f"its code is from {name} {', '.join(texts(args.props.get(name)))}"
        variables = list(part(part(args.props, "environment"), "variables"))
    else:
        containers = list(parts(part(args.props, "template"), "containers"))
        for image in (str(container.get("image")) for container in containers):
            if image not in setting(args, "images", ["scratch"]):
                yield f"it runs the image {image}"
        variables = [str(each.get("name")) for container in containers for each in parts(container, "envs")]
    for name in variables:
        if name.startswith(_ENDPOINT):
            yield f"the variable {name} leads its calls to another endpoint"


def _texts_in(value: Any, unknown: list[UnknownValueError]) -> Iterator[str]:
    """Yields each known string of a property, at any depth. If a value is not known yet, adds an error message to the
    list `unknown`.
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        properties = cast(Mapping[str, Any], value)
        for name in properties:
            yield from _texts_at(properties, name, unknown)
    elif isinstance(value, Iterable):
        elements = cast(list[Any], value)
        for index in range(len(elements)):
            yield from _texts_at(elements, index, unknown)


def _texts_at(holder: Any, place: str | int, unknown: list[UnknownValueError]) -> Iterator[str]:
    try:
        value = holder[place]
    except UnknownValueError as error:
        unknown.append(error)
        return
    yield from _texts_in(value, unknown)


POLICIES: list[Policy] = [references_in_own_accounts, code_from_program]
