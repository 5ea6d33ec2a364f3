"""Who may do what: nobody everything, and nobody with a key that lasts."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, ResourceValidationArgs, Severity

from policies.controls import cis_aws, cis_gcp, well_architected
from policies.documents import allows_everything, is_for_all_of_a_provider, is_for_everybody
from policies.rules import each_resource, parts, statements, texts

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
    "gcp:storage/bucketIAMMember:BucketIAMMember",
}
_BASIC_ROLES = ("roles/owner", "roles/editor")
_LASTING_KEYS = {"aws:iam/accessKey:AccessKey", "gcp:serviceaccount/key:Key", "gcp:storage/hmacKey:HmacKey"}


@each_resource(
    "no-unlimited-rights",
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
    "role-trusts-somebody",
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
    "no-lasting-keys",
    "Machines and people prove who they are by their platform; no key is made that works until it is found.",
    of=_LASTING_KEYS,
    severity=Severity.HIGH,
    control=cis_gcp("1.4"),
    fix="Use an instance profile, a service account of the machine, or federation",
)
def no_lasting_keys(args: ResourceValidationArgs) -> Iterator[str]:
    yield f"{args.name} is a key that lasts"


POLICIES: list[Policy] = [no_unlimited_rights, trusts_somebody, no_lasting_keys]
