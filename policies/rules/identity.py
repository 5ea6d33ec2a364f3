"""Policies for permissions: no principal has full access, and no principal has long-lived keys."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import cis_aws, cis_gcp, nist, well_architected
from policies.framework.declare import Properties, each_resource, known, setting, texts, whole_stack
from policies.framework.documents import IDENTITY_POLICIES, ROLE, identity_statements, title_of
from policies.framework.iam_documents import allows_everything, allows_on_everything, escalating_actions
from policies.framework.kinds import all_of, kind
from policies.framework.relations import is_set
from policies.rules.principals import GOOGLE_GRANTS

ATTACHMENTS = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
}
_POLICY = "aws:iam/policy:Policy"
_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_POWERFUL = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess")
_BASIC_ROLES = ("roles/owner", "roles/editor")
_LASTING_KEYS = {
    "aws:iam/accessKey:AccessKey",
    "aws:iam/user:User",
    "aws:iam/userLoginProfile:UserLoginProfile",
    "gcp:serviceaccount/key:Key",
    "gcp:storage/hmacKey:HmacKey",
}
# IAM actions for which a statement cannot name a resource (Service Authorization Reference).
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
    "No policy and no role allows all actions of a service on all resources.",
    of={*IDENTITY_POLICIES, *ATTACHMENTS, *GOOGLE_GRANTS},
    severity=Severity.CRITICAL,
    control=cis_aws("1.16"),
    fix="Name the actions and the resources that are needed",
    config={"services": {**_STRINGS, "default": []}},
)
def no_full_access(args: ResourceValidationArgs) -> Iterator[str]:
    services = set(setting(args, "services", []))
    for number, statement in enumerate(identity_statements(args)):
        if allows_everything(statement) and not _services_of(statement) <= services:
            action = statement.get("Action") or "all but some actions"
            yield f"{title_of(statement, number)} allows {action} on everything"
    for property in ("policyArn", "policyArns", "managedPolicyArns"):
        for arn in texts(args.props.get(property)):
            if arn.endswith(_POWERFUL):
                yield f"{arn} is attached"
    role = str(args.props.get("role"))
    if kind(args) in GOOGLE_GRANTS and (role in _BASIC_ROLES or role.endswith((".admin", "/admin"))):
        yield f"{role} is granted"


def _services_of(statement: Properties) -> set[str]:
    """Returns the services of an IAM statement's actions. Returns `*` for a statement with `NotAction`, which allows
    all actions except the listed ones.
    """
    return {action.partition(":")[0] for action in texts(statement.get("Action"))} or {"*"}


@each_resource(
    "aws-iam-permissions-name-resources",
    "A role's permissions name their resources. Only actions that apply to no specific resource may use wildcards.",
    of=IDENTITY_POLICIES,
    severity=Severity.HIGH,
    control=well_architected("SEC03-BP02"),
    fix="Name the resources. If the action has none, allow the action in the policy's setting `actions`",
    config={"actions": {**_STRINGS, "default": _WITHOUT_RESOURCE}},
)
def permissions_name_resources(args: ResourceValidationArgs) -> Iterator[str]:
    allowed = [action.lower() for action in setting(args, "actions", _WITHOUT_RESOURCE)]
    for statement in identity_statements(args):
        if allows_on_everything(statement):
            actions = texts(statement.get("Action")) or ["all but some actions"]
            loose = [action for action in actions if not any(fnmatchcase(action.lower(), each) for each in allowed)]
            if loose:
                yield f"{', '.join(loose)} is allowed on everything"


@whole_stack(
    "aws-iam-managed-policies-allowed",
    "Roles, users and groups have only the stack's own policies, and managed policies that the environment allows.",
    of={*ATTACHMENTS, ROLE},
    severity=Severity.HIGH,
    control=cis_aws("1.16"),
    fix="Write a policy with the permissions that are needed, or allow the ARN in the policy's setting `policies`",
    config={"policies": {**_STRINGS, "default": []}},
)
def managed_policies_allowed(holder: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    own = {known(policy.props, "arn") for policy in all_of(stack, {_POLICY})}
    allowed = setting(stack, "policies", [])
    for name in ("policyArn", "policyArns", "managedPolicyArns"):
        if kind(holder) == ROLE and not is_set(holder, name):
            continue
        if any(kind(each) == _POLICY for each in holder.property_dependencies.get(name, [])):
            continue  # the attached IAM policy is a resource of the stack, so other rules check its document
        for arn in texts(holder.props.get(name)):
            if arn not in own and not any(fnmatchcase(arn, pattern) for pattern in allowed):
                yield f"{arn} is attached"


@each_resource(
    "aws-iam-no-privilege-escalation",
    "No role can give permissions, to others or to itself. Only the roles that deploy stacks can.",
    of=IDENTITY_POLICIES,
    severity=Severity.CRITICAL,
    control=nist("AC-6(1)"),
    fix="Leave the action to the roles that deploy stacks. For iam:PassRole, name the role",
)
def no_privilege_escalation(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in identity_statements(args):
        for action in escalating_actions(statement):
            yield f"{action} is allowed"


@each_resource(
    "multi-iam-no-long-lived-keys",
    "Machines and people authenticate through their platform. The stack creates no access keys and no users.",
    of=_LASTING_KEYS,
    severity=Severity.HIGH,
    control=cis_gcp("1.4"),
    fix="Use an instance profile, a service account of the machine, or federation",
)
def no_long_lived_keys(args: ResourceValidationArgs) -> Iterator[str]:
    yield f"{args.name} is a key that does not expire, or a user with such a key"


POLICIES: list[Policy] = [
    no_full_access,
    permissions_name_resources,
    managed_policies_allowed,
    no_privilege_escalation,
    no_long_lived_keys,
]
