"""Creates the service accounts of machines on Google Cloud: shields (regional caches) and PoPs."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra.identity import GcpIdentityArgs


class GcpIdentity(pulumi.ComponentResource):
    """A service account of machines on Google Cloud. It has no keys and no roles in the project. The IAM policy of each
    bucket allows the shields' account to read the bucket's objects. On AWS, the machines assume a role with the
    account.
    """

    email: pulumi.Output[str]
    member: pulumi.Output[str]
    unique_id: pulumi.Output[str]

    def __init__(self, name: str, args: GcpIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:identity:GcpIdentity", name, None, opts)
        account = gcp.serviceaccount.Account(
            args.machines,
            account_id=f"{args.prefix}-{args.machines}",
            display_name=args.purpose,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.email = account.email
        self.member = account.member
        self.unique_id = account.unique_id
        self.register_outputs({"email": self.email, "unique_id": self.unique_id})
