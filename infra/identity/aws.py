"""The IAM role of shield machines (regional caches) on AWS. The role may read one secret, and report that a machine
serves requests.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra import iam
from infra.identity import AwsIdentityArgs
from infra.identity.machine_role import create_machine_role

_ROLE = "shield"


class AwsIdentity(pulumi.ComponentResource):
    """The IAM role and instance profile of the shield machines (regional caches). The role's own policies allow the
    role to read one secret. They also allow each machine to write the parameter in which it reports that it serves
    requests. The bucket policies allow the role to read objects.
    """

    instance_profile: pulumi.Output[str]
    policies: Sequence[pulumi.Output[str]]
    role_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AwsIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:identity:AwsIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        role, self.role_arn = create_machine_role(
            account,
            _ROLE,
            f"{args.prefix}-shield",
            "Shield machines: read their own secret, and objects where buckets grant it",
            args.gcp_service_accounts,
            self,
        )
        policy = aws.iam.RolePolicy(
            _ROLE,
            name="read-secret",
            role=role.name,
            policy=account.apply(
                lambda account_id: iam.document(iam.read_secret(args.secret_regions, account_id, args.secret_id))
            ),
            opts=child,
        )
        report = aws.iam.RolePolicy(
            f"{_ROLE}-report",
            name="report-serving",
            role=role.name,
            policy=account.apply(lambda account_id: iam.document(args.serving.permission(account_id, "*"))),
            opts=child,
        )
        profile = aws.iam.InstanceProfile(
            _ROLE,
            name=f"{args.prefix}-shield",
            role=role.name,
            # The instance profile waits for the role's policies, because a machine reads its secret as soon as it boots
            # with the profile.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, report]),
        )
        self.policies = [policy.name, report.name]
        self.instance_profile = profile.name
        self.role_name = role.name
        self.register_outputs({"instance_profile": self.instance_profile, "role_arn": self.role_arn})
