"""The identities of a stack's shield machines on both clouds."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from contract.regions import Cloud
from infra.identity import AwsIdentityArgs, GcpIdentityArgs
from infra.identity.aws import AwsIdentity
from infra.identity.gcp import GcpIdentity
from stacks.config import Stack


@dataclass(frozen=True)
class Identities:
    """What shield machines sign in as. Machines on Google Cloud have both identities: they assume the role on AWS."""

    aws: AwsIdentity
    gcp: GcpIdentity | None

    def of_machines_on(self, cloud: Cloud) -> pulumi.Output[str]:
        """The instance profile of machines on EC2, or the service account's address for machines on Compute Engine."""
        return self.gcp.email if self.gcp and cloud == "gcp" else self.aws.instance_profile


def create_identities(stack: Stack) -> Identities:
    """Creates the role on AWS, and the service account where the stack has shields on Google Cloud."""
    has_gcp_shields = any(shield.cloud == "gcp" for shield in stack.config.shields)
    gcp = GcpIdentity("identity-gcp", GcpIdentityArgs(stack.prefix)) if has_gcp_shields else None
    service_accounts = [gcp.unique_id] if gcp else []
    args = AwsIdentityArgs(stack.prefix, stack.secret("shield"), stack.home_region, service_accounts)
    return Identities(AwsIdentity("identity-aws", args), gcp)
