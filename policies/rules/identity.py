"""Policies for permissions: no principal has full access, and no principal has long-lived keys."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.framework.controls import cis_aws, cis_gcp, foundational, nist, well_architected
from policies.framework.declare import Properties, each_resource, kind, parts, setting, statements, texts
from policies.framework.iam_documents import (
    allows_everything,
    allows_on_everything,
    grants_rights,
    is_for_all_of_a_provider,
    is_for_everybody,
)

ROLE = "aws:iam/role:Role"
_POLICY_HOLDERS = {
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
}
_ATTACHMENTS = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
}
_POWERFUL = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")
_GCP_GRANTS = {
    "gcp:projects/iAMMember:IAMMember",
    "gcp:projects/iAMBinding:IAMBinding",
    "gcp:serviceaccount/iAMMember:IAMMember",
    "gcp:serviceaccount/iAMBinding:IAMBinding",
    "gcp:storage/bucketIAMMember:BucketIAMMember",
    "gcp:storage/bucketIAMBinding:BucketIAMBinding",
    "gcp:spanner/instanceIAMMember:InstanceIAMMember",
    "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:kms/cryptoKeyIAMBinding:CryptoKeyIAMBinding",
    "gcp:secretmanager/secretIamMember:SecretIamMember",
    "gcp:pubsub/topicIAMMember:TopicIAMMember",
}
_BASIC_ROLES = ("roles/owner", "roles/editor")
_LASTING_KEYS = {
    "aws:iam/accessKey:AccessKey",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "gcp:serviceaccount/key:Key",
    "gcp:storage/hmacKey:HmacKey",
}
# Resource types with a policy of their own about who may use them, and the property that holds this policy.
_RESOURCE_POLICIES = {
    "aws:kms/key:Key": "policy",
    "aws:kms/replicaKey:ReplicaKey": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:dynamodb/resourcePolicy:ResourcePolicy": "policy",
}
# Actions that do not apply to a specific resource (Service Authorization Reference).
_WITHOUT_RESOURCE = [
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "dynamodb:ListStreams",
    "ec2:Describe*",
    "logs:DescribeLogGroups",
    "s3:ListAllMyBuckets",
    "sts:GetCallerIdentity",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
]


@each_resource(
    "multi-iam-no-full-access",
    "No policy or role allows everything of a service on everything.",
    of={*_POLICY_HOLDERS, *_ATTACHMENTS, *_GCP_GRANTS, ROLE},
    severity=Severity.CRITICAL,
    control=cis_aws("1.16"),
    fix="Name the actions and the resources that are needed",
)
def no_unlimited_rights(args: ResourceValidationArgs) -> Iterator[str]:
    documents = [args.props.get("policy"), *(inline.get("policy") for inline in parts(args.props, "inlinePolicies"))]
    for document in documents:
        for number, statement in enumerate(statements(document)):
            if allows_everything(statement):
                action = statement.get("Action") or "all but some actions"
                yield f"statement {statement.get('Sid') or number} allows {action} on everything"
    for arn in [*texts(args.props.get("policyArn")), *texts(args.props.get("managedPolicyArns"))]:
        if arn.endswith(_POWERFUL):
            yield f"{arn} is attached"
    if args.props.get("role") in _BASIC_ROLES:
        yield f"{args.props.get('role')} is granted"


@each_resource(
    "aws-iam-role-trust-restricted",
    "A role can be taken on by named principals only; those of other identity providers by their subject.",
    of={ROLE},
    severity=Severity.CRITICAL,
    control=well_architected("SEC03-BP02"),
    fix="Name the principal, and for a federated one a condition on its `sub`",
)
def trusts_somebody(args: ResourceValidationArgs) -> Iterator[str]:
    for number, statement in enumerate(statements(args.props.get("assumeRolePolicy"))):
        title = statement.get("Sid") or number
        if is_for_everybody(statement):
            yield f"statement {title} lets everybody take on the role"
        elif is_for_all_of_a_provider(statement):
            yield f"statement {title} lets everybody whom the identity provider knows take on the role"


@each_resource(
    "aws-iam-permissions-name-resources",
    "What a role may do, it may do to named resources: `*` stands only where an action knows no resource.",
    of={*_POLICY_HOLDERS, ROLE},
    severity=Severity.HIGH,
    control=well_architected("SEC03-BP02"),
    fix="Name the resources; an action that has none can be allowed in the policy's setting `actions`",
    config={"actions": {"type": "array", "items": {"type": "string"}, "default": _WITHOUT_RESOURCE}},
)
def rights_name_resources(args: ResourceValidationArgs) -> Iterator[str]:
    allowed = [action.lower() for action in setting(args, "actions", _WITHOUT_RESOURCE)]
    for statement in _statements_of(args):
        if allows_on_everything(statement):
            actions = texts(statement.get("Action")) or ["all but some actions"]
            loose = [action for action in actions if not any(fnmatchcase(action.lower(), each) for each in allowed)]
            if loose:
                yield f"{', '.join(loose)} is allowed on everything"


@each_resource(
    "aws-iam-no-privilege-escalation",
    "Nobody here can give rights, to others or to himself: what roles may do is decided where they are provisioned.",
    of={*_POLICY_HOLDERS, ROLE},
    severity=Severity.CRITICAL,
    control=nist("AC-6(1)"),
    fix="Leave the action to the roles that deploy stacks; name the one role in iam:PassRole",
)
def rights_do_not_grow(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in _statements_of(args):
        for action in grants_rights(statement):
            yield f"{action} is allowed"


@each_resource(
    "aws-iam-resource-policies-name-principals",
    "Keys, queues, topics, functions, secrets and tables let in named principals only.",
    of=_RESOURCE_POLICIES,
    severity=Severity.CRITICAL,
    control=foundational("SNS.4"),
    fix="Name the principal, or narrow the statement by aws:SourceArn, aws:SourceAccount or the like",
)
def resource_policies_name_principals(args: ResourceValidationArgs) -> Iterator[str]:
    for number, statement in enumerate(statements(args.props.get(_RESOURCE_POLICIES[kind(args)]))):
        if is_for_everybody(statement):
            yield f"statement {statement.get('Sid') or number} allows {statement.get('Action')} to everybody"


@each_resource(
    "gcp-iam-grants-not-public",
    "No grant of Google Cloud is to everybody, or to everybody with a Google account.",
    of=_GCP_GRANTS,
    severity=Severity.CRITICAL,
    control=cis_gcp("1.8, 5.1"),
    fix="Name the member: a service account, a group or a user",
)
def grants_name_members(args: ResourceValidationArgs) -> Iterator[str]:
    for member in [*texts(args.props.get("member")), *texts(args.props.get("members"))]:
        if member in ("allUsers", "allAuthenticatedUsers"):
            yield f"{args.props.get('role')} is granted to {member}"


@each_resource(
    "multi-iam-no-long-lived-keys",
    "Machines and people prove who they are by their platform; no key is made that works until it is found.",
    of=_LASTING_KEYS,
    severity=Severity.HIGH,
    control=cis_gcp("1.4"),
    fix="Use an instance profile, a service account of the machine, or federation",
)
def no_lasting_keys(args: ResourceValidationArgs) -> Iterator[str]:
    yield f"{args.name} is a key that lasts, or somebody who would have one"


def _statements_of(args: ResourceValidationArgs) -> Iterator[Properties]:
    """Yields all statements of a policy, or of a role's inline policies."""
    yield from statements(args.props.get("policy"))
    for inline in parts(args.props, "inlinePolicies"):
        yield from statements(inline.get("policy"))


POLICIES: list[Policy] = [
    no_unlimited_rights,
    trusts_somebody,
    rights_name_resources,
    rights_do_not_grow,
    resource_policies_name_principals,
    grants_name_members,
    no_lasting_keys,
]
