"""Creates the service account of the shield machines (regional caches) on Google Cloud."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra.identity import GcpIdentityArgs


class GcpIdentity(pulumi.ComponentResource):
    """The service account of the shield machines (regional caches) on Google Cloud. It has no keys and no roles in the
    project. The IAM policy of each bucket allows the account to read the bucket's objects.
    """

    email: pulumi.Output[str]
    member: pulumi.Output[str]
    unique_id: pulumi.Output[str]

    def __init__(self, name: str, args: GcpIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:identity:GcpIdentity", name, None, opts)
        account = gcp.serviceaccount.Account(
            "shield",
            account_id=f"{args.prefix}-shield",
            display_name="Shield machines: read objects of the origin",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.email = account.email
        self.member = account.member
        self.unique_id = account.unique_id
        self.register_outputs({"email": self.email, "unique_id": self.unique_id})
