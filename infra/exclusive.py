"""Makes Pulumi remove policies from an IAM role if the stack does not declare them."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws


def keep_only(
    name: str, role: pulumi.Input[str], policies: Sequence[pulumi.Input[str]], parent: pulumi.Resource
) -> None:
    """Makes the given inline policies the only policies of an IAM role. The role has no other inline policy and no
    attached policy.

    If someone adds a policy by hand, `pulumi refresh` detects the policy and the next `pulumi up` removes it.
    `policies` are the names of the inline policies. Each name must be an output of the policy's Pulumi resource. Pulumi
    therefore creates the policy before it applies this list.
    """
    child = pulumi.ResourceOptions(parent=parent)
    aws.iam.RolePoliciesExclusive(name, role_name=role, policy_names=list(policies), opts=child)
    aws.iam.RolePolicyAttachmentsExclusive(name, role_name=role, policy_arns=[], opts=child)
