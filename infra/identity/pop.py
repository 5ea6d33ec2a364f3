"""The identity of PoP machines, and what it may read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

_ROLE = "pop"


@dataclass(frozen=True)
class PopIdentityArgs:
    """`secret_ids` are the secrets that machines read, kept in `secret_region`; `table` the metadata table, in
    `table_regions`, of which they read what tokens are good for and what was withdrawn."""

    prefix: str
    secret_ids: Sequence[str]
    secret_region: str
    table: str
    table_regions: Sequence[str]


class PopIdentity(pulumi.ComponentResource):
    """A role, and the instance profile that hands it to machines. Buckets and keys grant the rest."""

    instance_profile: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: PopIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:identity:PopIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            _ROLE,
            name=f"{args.prefix}-pop",
            description="PoP machines: read their secrets, and what tokens are good for",
            assume_role_policy=_document(
                {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ),
            opts=child,
        )
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        policy = aws.iam.RolePolicy(
            _ROLE,
            name="read",
            role=role.name,
            policy=account.apply(lambda account_id: _rights(args, account_id)),
            opts=child,
        )
        profile = aws.iam.InstanceProfile(
            _ROLE,
            name=f"{args.prefix}-pop",
            role=role.name,
            # A machine that boots with the profile must be able to read its secrets at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.instance_profile = profile.name
        self.role_arn = role.arn
        self.register_outputs({"instance_profile": self.instance_profile, "role_arn": self.role_arn})


def _rights(args: PopIdentityArgs, account: str) -> str:
    """Secrets Manager ends each ARN with six random characters (IAM reference of AWS Secrets Manager)."""
    manager = f"arn:aws:secretsmanager:{args.secret_region}:{account}:secret"
    return _document(
        {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": [f"{manager}:{secret_id}-??????" for secret_id in args.secret_ids],
        },
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:Query"],
            "Resource": [f"arn:aws:dynamodb:{region}:{account}:table/{args.table}" for region in args.table_regions],
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["tokens", "quarantine"]}},
        },
    )


def _document(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
