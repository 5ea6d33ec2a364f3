"""An IAM role of machines on EC2, which machines on Google Cloud may also assume."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra import iam


def create_machine_role(
    account: pulumi.Output[str],
    name: str,
    role_name: str,
    description: str,
    gcp_service_accounts: Sequence[pulumi.Input[str]],
    parent: pulumi.Resource,
) -> tuple[aws.iam.Role, pulumi.Output[str]]:
    """Creates an IAM role in the AWS account `account`. Returns the role and its ARN. EC2 instances and the Google
    service accounts with the given unique ids may assume the role.

    A preview does not know the ARN that AWS returns for a new role. The program therefore builds the ARN from values
    that a preview knows, and the preview shows the policies that name the role. The policies still wait for the role,
    because AWS rejects a policy that names a missing principal.
    """
    role = aws.iam.Role(
        name,
        name=role_name,
        description=description,
        assume_role_policy=pulumi.Output.all(account, *gcp_service_accounts).apply(
            lambda known: iam.assumed_by_machines(iam.role_arn(known[0], role_name), known[1:])
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    arn = pulumi.Output.all(account, role.urn).apply(lambda known: iam.role_arn(known[0], role_name))
    return role, arn
