"""Policies for principals: a resource may give access only to named principals. The principals must belong to the
environment's own AWS accounts and Google Cloud projects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import cis_gcp, foundational, nist, well_architected
from policies.framework.declare import each_resource, known, part, parts, setting, statements, texts, whole_stack
from policies.framework.documents import (
    BUCKET_POLICIES,
    LAMBDA_PERMISSION,
    RESOURCE_POLICIES,
    ROLE,
    statements_about_principals,
    title_of,
)
from policies.framework.iam_documents import allows, conditions_of
from policies.framework.kinds import all_of, kind
from policies.framework.principals import (
    is_for_all_identities,
    is_for_all_principals,
    outside_principals,
    principals,
    unbound_services,
)
from policies.framework.relations import is_set

GOOGLE_GRANTS = {
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
WORKLOAD_IDENTITY_PROVIDER = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
INVOKERS = {"gcp:cloudrunv2/serviceIamMember:ServiceIamMember"}
_REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
_GOOGLE_ACCOUNT = "gcp:serviceaccount/account:Account"
# Matches a condition that compares a claim of a token, such as `assertion.repository_id == '1'`.
_COMPARES_A_CLAIM = re.compile(r"assertion\.\w+\s*(==|in)\s")
_NETWORKS = {"aws:ec2/vpc:Vpc", "aws:ec2/vpcEndpoint:VpcEndpoint"}
_EVERYBODY = {"allUsers", "allAuthenticatedUsers"}
_OWN_ACCOUNT = re.compile(r"serviceAccount:[^@]+@([^@.]+)\.iam\.gserviceaccount\.com")
# Accounts of Google's own services: they write access logs, use encryption keys, and copy buckets. Sources: Cloud
# Storage, "Usage logs" and "Service agents"; Storage Transfer Service, "Access".
_GOOGLE_SERVICES = [
    "group:cloud-storage-analytics@google.com",
    "serviceAccount:service-[0-9]*@gs-project-accounts.iam.gserviceaccount.com",
    "serviceAccount:project-[0-9]*@storage-transfer-service.iam.gserviceaccount.com",
]
_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


@each_resource(
    "aws-iam-principals-in-own-accounts",
    "Policies and trust relationships let in principals of the environment's own AWS accounts only.",
    of={*BUCKET_POLICIES, *RESOURCE_POLICIES, ROLE, LAMBDA_PERMISSION, _REPLICATION},
    severity=Severity.CRITICAL,
    control=well_architected("SEC03-BP07"),
    fix="Remove the principal, or add its account to `accounts` (an organization to `organizations`) in the pack's "
    "configuration of the environment",
    config={"accounts": {**_STRINGS, "default": []}, "organizations": {**_STRINGS, "default": []}},
)
def principals_in_own_accounts(args: ResourceValidationArgs) -> Iterator[str]:
    accounts: list[str] = list(setting(args, "accounts", []))
    if kind(args) == _REPLICATION:
        for rule in parts(args.props, "rules"):
            account = part(rule, "destination").get("account")
            if account and account not in accounts:
                yield f"rule {rule.get('id')} hands the objects over to the account {account}"
        return
    found = dict.fromkeys(
        stranger
        for statement in statements_about_principals(args)
        for stranger in outside_principals(statement, accounts, setting(args, "organizations", []))
    )
    for stranger in found:
        yield f"it lets in {stranger}, which is not in the accounts {', '.join(accounts) or '(none is configured)'}"


@each_resource(
    "aws-iam-role-trust-restricted",
    "Only named principals can assume a role. For identities of another provider, a condition names the subject.",
    of={ROLE},
    severity=Severity.CRITICAL,
    control=well_architected("SEC03-BP02"),
    fix="Name the principal. For a federated one, add a StringEquals condition on its `sub`",
)
def trust_restricted(args: ResourceValidationArgs) -> Iterator[str]:
    for number, statement in enumerate(statements(args.props.get("assumeRolePolicy"))):
        if is_for_all_principals(statement):
            yield f"{title_of(statement, number)} lets everybody assume the role"
        elif is_for_all_identities(statement):
            yield f"{title_of(statement, number)} lets every identity of the identity provider assume the role"


@whole_stack(
    "aws-iam-google-subjects-of-stack",
    "The Google service accounts that can assume an AWS role are service accounts of the same stack.",
    of={ROLE},
    severity=Severity.HIGH,
    control=well_architected("SEC03-BP07"),
    fix="Name the `unique_id` of a service account that the program creates, or add the subject to the setting "
    "`subjects`, which Storage Transfer Service needs",
    config={"subjects": {**_STRINGS, "default": []}},
)
def google_subjects_of_stack(role: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    own = {str(known(account.props, "uniqueId")) for account in all_of(stack, {_GOOGLE_ACCOUNT})}
    own |= set(setting(stack, "subjects", []))
    for statement in statements(role.props.get("assumeRolePolicy")):
        if allows(statement) and "accounts.google.com" in principals(statement, "Federated"):
            for _, key, values in conditions_of(statement):
                if key == "accounts.google.com:sub":
                    yield from (f"{each} is no service account of the stack" for each in values if each not in own)


@each_resource(
    "aws-iam-resource-policies-name-principals",
    "Keys, queues, topics, secrets and tables let in named principals only.",
    of=RESOURCE_POLICIES,
    severity=Severity.CRITICAL,
    control=foundational("SNS.4"),
    fix="Name the principal, or add a condition that names an account, for example on aws:SourceAccount",
)
def resource_policies_name_principals(args: ResourceValidationArgs) -> Iterator[str]:
    yield from open_statements(args)


def open_statements(args: ResourceValidationArgs) -> Iterator[str]:
    """Yields a finding for each statement that allows access to all principals. The statements are from the policy that
    is attached to a resource.
    """
    for number, statement in enumerate(statements(args.props.get("policy"))):
        if is_for_all_principals(statement):
            allowed = statement.get("Action") or "all but some actions"
            yield f"{title_of(statement, number)} allows {allowed} to everybody"


@each_resource(
    "aws-iam-service-principals-bound",
    "An AWS service that a policy lets in acts for one account or resource only, not for every customer of AWS.",
    of={*BUCKET_POLICIES, *RESOURCE_POLICIES},
    severity=Severity.HIGH,
    control=nist("AC-4"),
    fix="Add a condition on aws:SourceAccount or aws:SourceArn that names the account",
)
def service_principals_bound(args: ResourceValidationArgs) -> Iterator[str]:
    for number, statement in enumerate(statements(args.props.get("policy"))):
        for service in unbound_services(statement):
            yield f"{title_of(statement, number)} lets {service} act for any account"


@whole_stack(
    "aws-iam-networks-of-stack",
    "Where a policy lets in everybody from a network, the network or endpoint belongs to the stack.",
    of={*BUCKET_POLICIES, *RESOURCE_POLICIES},
    severity=Severity.CRITICAL,
    control=well_architected("SEC05-BP02"),
    fix="Name the id of a VPC or VPC endpoint that the program creates, or add it to the setting `networks`",
    config={"networks": {**_STRINGS, "default": []}},
)
def networks_of_stack(resource: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not kind(resource).endswith("Policy") and not is_set(resource, "policy"):
        return  # the program sets no policy for this key, queue or topic, so the cloud provider sets a default policy
    own = {str(known(each.props, "id")) for each in all_of(stack, _NETWORKS)} | set(setting(stack, "networks", []))
    for statement in statements(resource.props.get("policy")):
        if not allows(statement) or "*" not in principals(statement, "AWS"):
            continue
        for operator, key, values in conditions_of(statement):
            if key in ("aws:sourcevpc", "aws:sourcevpce") and "Not" not in operator:
                yield from (f"it lets in everybody from {each}" for each in values if each not in own)


@each_resource(
    "gcp-iam-grants-not-public",
    "No role on Google Cloud is granted to everybody, or to everybody with a Google account. A workload identity "
    "provider admits only some tokens of the issuer, which signs tokens for everybody.",
    of={*GOOGLE_GRANTS, WORKLOAD_IDENTITY_PROVIDER},
    severity=Severity.CRITICAL,
    control=cis_gcp("1.8, 5.1"),
    fix="Name the member: a service account, a group or a user. For a provider, compare a claim of the token in "
    "`attribute_condition`",
)
def grants_not_public(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == WORKLOAD_IDENTITY_PROVIDER:
        if not _COMPARES_A_CLAIM.search(str(args.props.get("attributeCondition"))):
            yield f"it admits every token of {part(args.props, 'oidc').get('issuerUri')}"
        return
    yield from public_grants(args, _members(args))


def public_grants(args: ResourceValidationArgs, members: Iterable[str]) -> Iterator[str]:
    """Yields a finding for each Google Cloud role that is granted to `allUsers` or `allAuthenticatedUsers`."""
    for member in members:
        if member in _EVERYBODY:
            yield f"{args.props.get('role')} is granted to {member}"


@each_resource(
    "gcp-iam-members-in-own-projects",
    "Roles on Google Cloud are granted to service accounts of the environment's own projects only.",
    of={*GOOGLE_GRANTS, *INVOKERS},
    severity=Severity.CRITICAL,
    control=cis_gcp("1.1"),
    fix="Name a service account that the program creates, or allow the project or the member in the pack's "
    "configuration of the environment",
    config={"projects": {**_STRINGS, "default": []}, "members": {**_STRINGS, "default": _GOOGLE_SERVICES}},
)
def members_in_own_projects(args: ResourceValidationArgs) -> Iterator[str]:
    projects, allowed = setting(args, "projects", []), setting(args, "members", _GOOGLE_SERVICES)
    for member in _members(args):
        own = _OWN_ACCOUNT.fullmatch(member)
        if member in _EVERYBODY or (own and own[1] in projects):
            continue  # the policy function `grants_not_public` checks grants to everybody
        if not any(fnmatchcase(member, pattern) for pattern in allowed):
            where = ", ".join(projects) or "(none is configured)"
            yield f"{args.props.get('role')} is granted to {member}, which is no account of the projects {where}"


def _members(args: ResourceValidationArgs) -> list[str]:
    return [*texts(args.props.get("member")), *texts(args.props.get("members"))]


POLICIES: list[Policy] = [
    principals_in_own_accounts,
    trust_restricted,
    google_subjects_of_stack,
    resource_policies_name_principals,
    service_principals_bound,
    networks_of_stack,
    grants_not_public,
    members_in_own_projects,
]
