"""Lets GitHub's workflows act as service accounts of a Google Cloud project: the workload identity pool, its provider,
and two service accounts for each environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from bootstrap.google_trust import GoogleTrust
from bootstrap.roles import ISSUER

_POOL, _PROVIDER = "github", "artifact-edge"
_ACT_AS = "roles/iam.workloadIdentityUser"
# The maximum number of characters in the name of an environment. The ID of a service account contains this name, and
# has at most 30 characters (IAM API Reference, "projects.serviceAccounts.create").
MOST_ENVIRONMENT_CHARACTERS = 30 - len("artifact-edge--deploy")


@dataclass(frozen=True)
class GoogleAccessArgs:
    """Arguments of the component that gives GitHub's workflows access to the Google Cloud project `project`. `trust`
    says which tokens of GitHub the project accepts.
    """

    project: str
    trust: GoogleTrust


class GoogleAccess(pulumi.ComponentResource):
    """The workload identity pool and its provider, and a service account for each GitHub environment.

    Only jobs of a GitHub environment can use the environment's service account. This component grants the service
    accounts no roles in the project, because the required roles depend on the resources of the stack. `provider` is the
    full name of the provider. `accounts` maps each GitHub environment to the email address of its account.
    """

    provider: pulumi.Output[str]
    accounts: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: GoogleAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:bootstrap:GoogleAccess", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        pool = gcp.iam.WorkloadIdentityPool(
            name,
            project=args.project,
            workload_identity_pool_id=_POOL,
            display_name="Workflows of GitHub",
            opts=child,
        )
        provider = gcp.iam.WorkloadIdentityPoolProvider(
            name,
            project=args.project,
            workload_identity_pool_id=pool.workload_identity_pool_id,
            workload_identity_pool_provider_id=_PROVIDER,
            attribute_mapping=args.trust["attribute_mapping"],
            attribute_condition=args.trust["attribute_condition"],
            oidc={"issuer_uri": f"https://{ISSUER}"},
            opts=child,
        )
        self.provider = provider.name
        accounts: dict[str, pulumi.Output[str]] = {}
        for environment, subject in args.trust["subjects"].items():
            account = gcp.serviceaccount.Account(
                environment,
                project=args.project,
                account_id=f"artifact-edge-{_account_name(environment)}",
                display_name=f"GitHub's jobs of the environment {environment}",
                opts=child,
            )
            gcp.serviceaccount.IAMMember(
                environment,
                service_account_id=account.name,
                role=_ACT_AS,
                member=pulumi.Output.concat("principal://iam.googleapis.com/", pool.name, "/subject/", subject),
                opts=child,
            )
            accounts[environment] = account.email
        self.accounts = accounts
        self.register_outputs({"provider": self.provider, "accounts": self.accounts})


def _account_name(environment: str) -> str:
    """Returns the last part of the ID of an environment's service account, such as `prod-deploy` or `prod-drift`."""
    return environment if environment.endswith("-drift") else f"{environment}-deploy"
