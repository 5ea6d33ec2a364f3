"""Creates the identities of a stack's shield machines on AWS and Google Cloud."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import pulumi

from contract.regions import Cloud
from contract.shields import serving_parameters
from infra.identity import AwsIdentityArgs, GcpIdentityArgs
from infra.identity.aws import AwsIdentity
from infra.identity.gcp import GcpIdentity
from infra.identity.pop import PopIdentity
from infra.machines.serving import ServingReports
from stacks.config import Stack

Role = TypeVar("Role", AwsIdentity, PopIdentity)


@dataclass(frozen=True)
class MachineIdentities(Generic[Role]):
    """The cloud identities of shield machines (regional caches), or of PoP machines. Machines on AWS have an IAM role.
    Machines on Google Cloud have a service account, and assume the AWS role.
    """

    aws: Role
    gcp: GcpIdentity | None

    def of_machines_on(self, cloud: Cloud) -> pulumi.Output[str]:
        """Returns the instance profile of machines on EC2, or the email of the service account of machines on Compute
        Engine.
        """
        return self.gcp.email if self.gcp and cloud == "gcp" else self.aws.instance_profile


@dataclass(frozen=True)
class Identities(MachineIdentities[AwsIdentity]):
    """The cloud identities of shield machines. `aws_policies` are the names of the policies that other components add
    to the AWS role.
    """

    aws_policies: list[pulumi.Output[str]] = field(default_factory=list["pulumi.Output[str]"])


def create_identities(stack: Stack) -> Identities:
    """Creates the shield machines' role on AWS, and their service account if the stack has shields on Google Cloud."""
    has_gcp_shields = any(shield.cloud == "gcp" for shield in stack.config.shields)
    account = GcpIdentityArgs(stack.prefix, "shield", "Shield machines: read objects of the origin")
    gcp = GcpIdentity("identity-gcp", account) if has_gcp_shields else None
    service_accounts = [gcp.unique_id] if gcp else []
    args = AwsIdentityArgs(
        stack.prefix, stack.secret("shield"), stack.secret_regions, serving_reports(stack), service_accounts
    )
    return Identities(AwsIdentity("identity-aws", args), gcp)


def serving_reports(stack: Stack) -> ServingReports:
    """Returns the parameters in Parameter Store in which the stack's shield machines report that they serve clients."""
    return ServingReports(serving_parameters(stack.environment), stack.home_region)
