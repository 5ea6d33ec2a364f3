"""Builds all IAM policy documents of the program: statements, their principals, and the JSON that AWS reads.

Each tier (a part of the network, such as the DNS) builds the statements for its permissions with these functions, in
its own module `permissions.py` or `s3_policies.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict, cast

from contract.metrics import NAMESPACE

Names = str | Sequence[str]
Principal = Literal["*"] | Mapping[str, Names]
Condition = Mapping[str, Mapping[str, Names]]

# The issuer of Google's identity tokens. AWS trusts this issuer even if the account has no identity provider for it. Do
# not create such an identity provider, because it would interfere with this trust (IAM User Guide, "Create a role for
# OpenID Connect federation").
GOOGLE = "accounts.google.com"


class Statement(TypedDict, total=False):
    """One statement of an IAM policy document. The keys of the mapping are element names of AWS's policy grammar."""

    Sid: str
    Effect: Required[Literal["Allow", "Deny"]]
    Principal: Principal
    Action: Required[Names]
    Resource: Names
    Condition: Condition


def document(*parts: Statement | Sequence[Statement]) -> str:
    """Returns the JSON of an IAM policy document. The arguments are statements or lists of statements, and keep their
    order.
    """
    statements = [each for part in parts for each in ([part] if isinstance(part, Mapping) else part)]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(
    actions: Names,
    resources: Names | None = None,
    *,
    sid: str | None = None,
    principal: Principal | None = None,
    condition: Condition | None = None,
) -> Statement:
    """Returns an IAM statement that allows the given actions.

    A statement in a trust policy or in the policy of a resource, such as a bucket, needs a `principal`. A statement in
    the policy of a role has no `principal`. Only statements in trust policies have no `resources`.
    """
    return _statement("Allow", actions, resources, sid, principal, condition)


def deny(
    actions: Names,
    resources: Names,
    *,
    sid: str | None = None,
    principal: Principal | None = None,
    condition: Condition | None = None,
) -> Statement:
    """Returns an IAM statement that denies the given actions, even if other statements allow these actions."""
    return _statement("Deny", actions, resources, sid, principal, condition)


def service(name: str) -> Principal:
    """Returns an AWS service as an IAM principal, such as `lambda.amazonaws.com`."""
    return {"Service": name}


def account_root(account: str) -> Principal:
    """Returns a whole AWS account as an IAM principal. The IAM policies in this account decide which of its users and
    roles may act.
    """
    return {"AWS": f"arn:aws:iam::{account}:root"}


def assumed_by_service(name: str) -> Statement:
    """Returns the statement of a trust policy that lets an AWS service assume the role."""
    return allow("sts:AssumeRole", principal=service(name))


def assumed_by_web_identity(provider: str, claims: Mapping[str, Names]) -> Statement:
    """Returns the statement of a trust policy that lets holders of an identity token assume the role.

    `provider` is the ARN of an OpenID Connect provider in the account, or the name of an issuer that AWS trusts without
    a provider. `claims` maps condition keys, such as `accounts.google.com:sub`, to the allowed values.
    """
    condition = {"StringEquals": claims}
    return allow("sts:AssumeRoleWithWebIdentity", principal={"Federated": provider}, condition=condition)


def assumed_by_google_accounts(unique_ids: Sequence[str], audience: str) -> Statement:
    """Returns the statement of a trust policy that lets Google service accounts assume the role.

    The accounts' identity tokens must be issued for `audience`. AWS compares the condition key `oaud` with the token's
    audience. AWS compares `aud` with the token's `azp`, which is the unique id of a service account (IAM User Guide,
    "Available keys for AWS web identity federation").
    """
    accounts = list(unique_ids)
    claims = {f"{GOOGLE}:aud": accounts, f"{GOOGLE}:oaud": audience, f"{GOOGLE}:sub": accounts}
    return assumed_by_web_identity(GOOGLE, claims)


def role_arn(account: str, name: str) -> str:
    """Returns the ARN of an IAM role."""
    return f"arn:aws:iam::{account}:role/{name}"


def assumed_by_machines(role: str, gcp_service_accounts: Sequence[str]) -> str:
    """Returns the trust policy of an IAM role of machines. EC2 instances and the given Google service accounts may
    assume the role. `role` is the role's ARN. The service accounts are given by their unique ids.
    """
    statements = [assumed_by_service("ec2.amazonaws.com")]
    if gcp_service_accounts:
        statements.append(assumed_by_google_accounts(gcp_service_accounts, role))
    return document(*statements)


def read_secret(regions: Sequence[str], account: str, secret_id: str) -> Statement:
    """Returns the IAM statement that allows a role to read one secret in AWS Secrets Manager, in each of `regions`."""
    secrets = [secret_arn(region, account, secret_id) for region in regions]
    return allow("secretsmanager:GetSecretValue", secrets)


def read_secrets(regions: Sequence[str], account: str, secret_ids: Sequence[str]) -> Statement:
    """Returns the IAM statement that allows a role to read several secrets in AWS Secrets Manager, in each of
    `regions`.
    """
    secrets = [secret_arn(region, account, secret_id) for region in regions for secret_id in secret_ids]
    return allow(["secretsmanager:GetSecretValue"], secrets, sid="Secrets")


def write_metrics() -> Statement:
    """Returns the IAM statement that allows a role to write this project's own CloudWatch metrics.

    Metrics have no ARNs, so a condition limits the permission to the namespace (CloudWatch, "Using condition keys to
    limit access to CloudWatch namespaces").
    """
    return allow(
        ["cloudwatch:PutMetricData"],
        "*",
        sid="Measure",
        condition={"StringEquals": {"cloudwatch:namespace": NAMESPACE}},
    )


def secret_arn(region: str, account: str, secret_id: str) -> str:
    """Returns a pattern that matches the ARN of the secret with the given name. The exact ARN is not known, because
    Secrets Manager appends six random characters to each name (IAM reference of Secrets Manager).
    """
    return f"arn:aws:secretsmanager:{region}:{account}:secret:{secret_id}-??????"


def _statement(
    effect: Literal["Allow", "Deny"],
    actions: Names,
    resources: Names | None,
    sid: str | None,
    principal: Principal | None,
    condition: Condition | None,
) -> Statement:
    elements = {
        "Sid": sid,
        "Effect": effect,
        "Principal": principal,
        "Action": actions,
        "Resource": resources,
        "Condition": condition or None,
    }
    return cast(Statement, {name: value for name, value in elements.items() if value is not None})
