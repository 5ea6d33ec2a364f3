"""The identity of shield machines on AWS, and what it may read."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra import iam
from infra.identity import AwsIdentityArgs

_ROLE = "shield"


class AwsIdentity(pulumi.ComponentResource):
    """A role that may read one secret, and the instance profile for machines; buckets grant the role's other access."""

    instance_profile: pulumi.Output[str]
    role_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AwsIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:identity:AwsIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        role = aws.iam.Role(
            _ROLE,
            name=f"{args.prefix}-shield",
            description="Shield machines: read their own secret, and objects where buckets grant it",
            assume_role_policy=pulumi.Output.all(account, *args.gcp_service_accounts).apply(
                lambda known: _trust(_arn(args.prefix, known[0]), known[1:])
            ),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            _ROLE,
            name="read-secret",
            role=role.name,
            policy=account.apply(
                lambda account_id: iam.document(iam.read_secret(args.secret_region, account_id, args.secret_id))
            ),
            opts=child,
        )
        profile = aws.iam.InstanceProfile(
            _ROLE,
            name=f"{args.prefix}-shield",
            role=role.name,
            # A machine that boots with the profile must be able to read its secret at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.instance_profile = profile.name
        self.role_name = role.name
        # The ARN is built from known values, so that previews show the policies that name it. Policies still wait for
        # the role, because AWS rejects a policy that names a missing principal.
        self.role_arn = pulumi.Output.all(account, role.urn).apply(lambda known: _arn(args.prefix, known[0]))
        self.register_outputs({"instance_profile": self.instance_profile, "role_arn": self.role_arn})


def _arn(prefix: str, account_id: str) -> str:
    return f"arn:aws:iam::{account_id}:role/{prefix}-shield"


def _trust(role_arn: str, gcp_service_accounts: Sequence[str]) -> str:
    """Returns the role's trust policy, for EC2 instances and for the given Google service accounts."""
    statements = [iam.assumed_by_service("ec2.amazonaws.com")]
    if gcp_service_accounts:
        statements.append(iam.assumed_by_google_accounts(gcp_service_accounts, role_arn))
    return iam.document(statements)
