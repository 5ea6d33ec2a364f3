"""The IAM role of PoP machines. The role may read the machines' secrets, the clients' entitlements, the list of
withdrawn objects and the edge policies. Each machine may also write metrics, and the parameter in which it reports that
it serves requests. A different component creates the machines' certificate, and lets the role export the certificate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from contract import edge_policies, tokens
from infra import iam
from infra.identity.machine_role import create_machine_role
from infra.machines.serving import ServingReports
from infra.pop import pop_name

_ROLE = "pop"
# The partition of the metadata table that lists the withdrawn objects (registry/delivery/quarantine.py).
_WITHDRAWN = "quarantine"


@dataclass(frozen=True)
class PopIdentityArgs:
    """Arguments of the component that creates the IAM role of PoP machines.

    Machines read the secrets `secret_ids` in each of `secret_regions`, and some partitions of the metadata table in
    `table_regions`. A machine reports to Parameter Store when it can serve clients. `serving` has the names of the
    parameters. `gcp_service_accounts` are the unique ids of the Google service accounts that may also assume the role.
    """

    prefix: str
    secret_ids: Sequence[str]
    secret_regions: Sequence[str]
    table: pulumi.Input[str]
    table_regions: Sequence[str]
    serving: ServingReports
    gcp_service_accounts: Sequence[pulumi.Input[str]] = ()


class PopIdentity(pulumi.ComponentResource):
    """The IAM role and the instance profile of PoP machines. Objects reach a PoP through the shields (regional caches),
    so the role may read no bucket.
    """

    instance_profile: pulumi.Output[str]
    role_name: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    policy: pulumi.Output[str]

    def __init__(self, name: str, args: PopIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:identity:PopIdentity", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        role, self.role_arn = create_machine_role(
            account,
            _ROLE,
            f"{args.prefix}-pop",
            "PoP machines: read their secrets, and what tokens may pull",
            args.gcp_service_accounts,
            self,
        )
        policy = aws.iam.RolePolicy(
            _ROLE,
            name="read-secrets-and-entitlements",
            role=role.name,
            policy=pulumi.Output.all(account, args.table).apply(lambda known: _permissions(args, *known)),
            opts=child,
        )
        profile = aws.iam.InstanceProfile(
            _ROLE,
            name=f"{args.prefix}-pop",
            role=role.name,
            # The instance profile waits for the role's policy, because a machine reads its secrets as soon as it boots.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.instance_profile = profile.name
        self.role_name = role.name
        self.policy = policy.name
        self.register_outputs({"instance_profile": self.instance_profile})


def _permissions(args: PopIdentityArgs, account: str, table: str) -> str:
    tables = [f"arn:aws:dynamodb:{region}:{account}:table/{table}" for region in args.table_regions]
    partitions = {"dynamodb:LeadingKeys": [tokens.PARTITION, _WITHDRAWN, edge_policies.PARTITION]}
    return iam.document(
        iam.read_secrets(args.secret_regions, account, args.secret_ids),
        iam.allow(
            ["dynamodb:GetItem", "dynamodb:Query"],
            tables,
            sid="Entitlements",
            condition={"ForAllValues:StringEquals": partitions},
        ),
        args.serving.permission(account, pop_name("*", "*")),
        iam.write_metrics(),
    )
