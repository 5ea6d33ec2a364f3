"""Policies for access to data: which roles write published objects, and which roles read which secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from contract.secrets import SecretName
from policies.framework.controls import well_architected
from policies.framework.declare import Properties, each_resource, known, setting, statements, texts, whole_stack
from policies.framework.documents import BUCKET_POLICIES, IDENTITY_POLICIES, ROLE, identity_statements
from policies.framework.iam_documents import allows, covers
from policies.framework.kinds import all_of, kind
from policies.framework.principals import principals
from policies.framework.relations import is_set, refers_to, stack_name
from policies.rules.storage import GCS_BUCKET, S3_BUCKET, is_log_bucket

_GOOGLE_GRANTS = {
    "gcp:storage/bucketIAMMember:BucketIAMMember",
    "gcp:storage/bucketIAMBinding:BucketIAMBinding",
}
# Roles of Cloud Storage that permit only reads (Cloud Storage, "IAM roles for Cloud Storage").
_READING_ROLES = {
    "roles/storage.bucketViewer",
    "roles/storage.legacyBucketReader",
    "roles/storage.legacyObjectReader",
    "roles/storage.objectViewer",
}
_LOG_WRITER = "roles/storage.objectCreator"
_LOG_SERVICE = "logging.s3.amazonaws.com"
# _LOG_SHIPPERS has name patterns of the roles that may write the access logs of shields (regional caches) to a log
# bucket. _SHIPPED_LOGS is the end of the ARN pattern for these logs in the bucket (infra/blobs).
_LOG_SHIPPERS = ["*-shield"]
_SHIPPED_LOGS = "/shields/*"
# S3 actions that can end the lock of an object before its retention period ends (S3 User Guide, "Managing Object
# Lock").
_UNLOCKING = [
    "s3:bypassgovernanceretention",
    "s3:putbucketobjectlockconfiguration",
    "s3:putobjectlegalhold",
    "s3:putobjectretention",
]
# Name patterns of the principals that may write objects: the outbox relay (it delivers published changes), S3's
# replication role, and the agent that copies from S3 to a standby bucket in Cloud Storage.
_WRITERS = [
    "*-drain",
    "*-replication",
    "serviceAccount:project-[0-9]*@storage-transfer-service.iam.gserviceaccount.com",
]
# Maps the end of a role's name to the names of the secrets that the role may read. Some roles may also read an SSM
# parameter, whose name ends with `-certificate` (docs/contracts.md, "Between the tiers").
_READERS: Mapping[str, Sequence[SecretName | Literal["shield-certificate", "pop-certificate"]]] = {
    "shield": ["shield", "shield-certificate"],
    "pop": ["edge", "metadata-api", "purge-signing", "pop-certificate"],
    "metadata-api": ["metadata-api"],
    "answer": ["metadata-api"],
    "entitlements": ["edge-kv"],
    "follow": ["edge-kv"],
    "drain": ["purge-signing", "edge-kv"],
}
_OWN_READS = {"secretsmanager:getsecretvalue", "secretsmanager:describesecret", "ssm:getparameter"}
_PARAMETERS = ["ssm:getparameter", "ssm:getparameters", "ssm:getparametersbypath", "ssm:getparameterhistory"]
_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


@whole_stack(
    "multi-bucket-writers-restricted",
    "Only the roles that publish and replicate write objects, and no role ends the lock of an object early.",
    of={*IDENTITY_POLICIES, *BUCKET_POLICIES, *_GOOGLE_GRANTS},
    severity=Severity.CRITICAL,
    control=well_architected("SEC03-BP02"),
    fix="Leave the permission out. Name a new writer (a role, or a member on Google Cloud) in the setting `writers`",
    config={"writers": {**_STRINGS, "default": _WRITERS}, "unlockers": {**_STRINGS, "default": []}},
)
def writers_restricted(resource: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    writers = setting(stack, "writers", _WRITERS)
    if kind(resource) in _GOOGLE_GRANTS:
        yield from _google_writers(resource, stack, writers)
        return
    if kind(resource) in BUCKET_POLICIES:
        yield from _bucket_writers(resource, stack, writers)
        return
    holder = permission_holder(resource)
    for statement in identity_statements(resource):
        if not _matches_any(holder, writers):
            yield from (f"{holder} may {action}" for action in _write_actions(statement))
        if not _matches_any(holder, setting(stack, "unlockers", [])):
            yield from (f"{holder} may {action}, which changes retention" for action in _unlock_actions(statement))


def _write_actions(statement: Properties) -> list[str]:
    """Returns the actions of an IAM statement that change objects or the settings of buckets."""
    if not allows(statement):
        return []
    if "NotAction" in statement:
        return ["do all but some actions"]
    return [action for action in texts(statement.get("Action")) if _is_write(action)]


def _is_write(action: str) -> bool:
    """Returns whether an IAM action changes something in S3. An action with a wildcard in the service counts as an
    action of S3.
    """
    service, _, name = action.lower().partition(":")
    return fnmatchcase("s3", service) and not name.startswith(("get", "list", "describe"))


def _unlock_actions(statement: Properties) -> list[str]:
    actions = texts(statement.get("Action")) if allows(statement) else []
    return [action for action in actions if covers(action, _UNLOCKING)]


def _bucket_writers(resource: PolicyResource, stack: StackValidationArgs, writers: Sequence[str]) -> Iterator[str]:
    """Yields the principals that a bucket's policy allows to write and that are not in `writers`.

    S3's log delivery service and the role of the shield machines (regional caches) may write access logs. If the bucket
    stores access logs, the result leaves out these two principals.
    """
    takes = any(
        _is_policy_of(resource, bucket) and is_log_bucket(bucket, stack) for bucket in all_of(stack, {S3_BUCKET})
    )
    if kind(resource) == S3_BUCKET and not is_set(resource, "policy"):
        # before `pulumi up`, Pulumi reports a bucket's property `policy` as unknown, even if the program does not set
        # the property
        return
    for statement in statements(resource.props.get("policy")):
        actions = ", ".join(_write_actions(statement))
        if not actions:
            continue
        services = principals(statement, "Service")
        named = [name for provider in ("AWS", "Federated", "CanonicalUser") for name in principals(statement, provider)]
        yield from (f"{each} may {actions}" for each in services if not (takes and each == _LOG_SERVICE))
        also = _LOG_SHIPPERS if takes and _only_ships_logs(statement) else []
        for each in named:
            if not _matches_any(each.rsplit("/", 1)[-1], [*writers, *also]):
                yield f"{each} may {actions}"


def _only_ships_logs(statement: Properties) -> bool:
    """Returns whether an IAM statement allows only one thing: to add objects below the prefix of the access logs of
    shields (regional caches).
    """
    resources, actions = texts(statement.get("Resource")), texts(statement.get("Action"))
    below = bool(resources) and all(each.endswith(_SHIPPED_LOGS) for each in resources)
    return below and [action.lower() for action in actions] == ["s3:putobject"]


def _is_policy_of(resource: PolicyResource, bucket: PolicyResource) -> bool:
    return resource.urn == bucket.urn or refers_to(resource, "bucket", bucket, ("bucket", "id"))


def _google_writers(grant: PolicyResource, stack: StackValidationArgs, writers: Sequence[str]) -> Iterator[str]:
    role = str(grant.props.get("role"))
    if role in _READING_ROLES:
        return
    for bucket in all_of(stack, {GCS_BUCKET}):
        if role == _LOG_WRITER and refers_to(grant, "bucket", bucket, ("name", "id")) and is_log_bucket(bucket, stack):
            return
    for member in [*texts(grant.props.get("member")), *texts(grant.props.get("members"))]:
        if not _matches_any(member, writers):
            yield f"{member} has {role}"


@each_resource(
    "aws-secretsmanager-readers-own-secrets",
    "Each role reads only the secrets that its own work needs, and changes none.",
    of=IDENTITY_POLICIES,
    severity=Severity.CRITICAL,
    control=well_architected("SEC02-BP03"),
    fix="Name the role's own secret, with ?????? for the random end of its ARN. A new reader belongs in `readers`",
    config={"readers": {"type": "object", "default": _READERS}},
)
def readers_own_secrets(args: ResourceValidationArgs) -> Iterator[str]:
    holder = permission_holder(args)
    readers: Mapping[str, Sequence[str]] = setting(args, "readers", _READERS)
    own = [name for role in readers if holder.endswith(f"-{role}") for name in readers[role]]
    patterns = [_arn_of(stack_name(args.urn), name) for name in own]
    for statement in identity_statements(args):
        for action in _secret_actions(statement):
            if action.lower() not in _OWN_READS:
                yield f"{holder} may {action}"
                continue
            for secret in texts(statement.get("Resource")) or ["all but some secrets"]:
                if not any(pattern.fullmatch(secret) for pattern in patterns):
                    yield f"{holder} reads {secret}; its own are {', '.join(own) or 'none'}"


def _secret_actions(statement: Properties) -> list[str]:
    """Returns the actions of an IAM statement that concern secrets or SSM parameters. The function includes SSM
    parameters, because they can also contain secrets.
    """
    actions = texts(statement.get("Action")) if allows(statement) else []
    return [
        action
        for action in actions
        if fnmatchcase("secretsmanager", action.lower().partition(":")[0]) or covers(action, _PARAMETERS)
    ]


def _arn_of(environment: str, secret: str) -> re.Pattern[str]:
    """Returns a pattern for the ARN of one secret or SSM parameter. The name in a secret's ARN ends with a hyphen and
    six random characters.
    """
    name = rf"(?:[\w-]+/)?{re.escape(environment)}/{re.escape(secret)}"
    place = r"(?:[a-z0-9-]+|\*):\d{12}"
    of_secret = rf"secretsmanager:{place}:secret:{name}-(?:\?{{6}}|[A-Za-z0-9]{{6}})"
    return re.compile(rf"arn:aws[\w-]*:(?:{of_secret}|ssm:{place}:parameter/{name})")


def permission_holder(resource: PolicyResource | ResourceValidationArgs) -> str:
    """Returns the name of the IAM role whose permissions `resource` defines. For a managed policy, returns the policy's
    name. If the name is unknown before the apply, returns the name of the Pulumi resource.
    """
    named = "name" if kind(resource) in (ROLE, "aws:iam/policy:Policy") else "role"
    return str(known(resource.props, named) or resource.name)


def _matches_any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


POLICIES: list[Policy] = [writers_restricted, readers_own_secrets]
