"""The IAM permissions that a person needs to run the bootstrap program: `python -m bootstrap.administrator`.

The command prints the permissions as an IAM policy document. An administrator of the AWS account attaches this policy
to the role or user of the person. The policy contains no permission to delete the Pulumi state or its KMS key.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
import yaml

from bootstrap.permissions import boundary_arn, state_access
from bootstrap.roles import ISSUER
from bootstrap.state import ALIAS, logs_of
from infra.iam import Statement, allow, document

_CONFIG = Path(__file__).parent / "Pulumi.bootstrap.yaml"
# The name of the bootstrap stack's environment. It is the value of the tag `environment` on the stack's resources, and
# the name of the stack's directory in the state bucket.
ENVIRONMENT = "bootstrap"

app = typer.Typer(add_completion=False)


@app.command()
def policy(account: Annotated[str, typer.Option(help="ID of the AWS account, 12 digits")]) -> None:
    """Print the IAM policy of a person who runs `pulumi up` in bootstrap/. The names of the bucket and the region come
    from bootstrap/Pulumi.bootstrap.yaml.
    """
    config: dict[str, str] = yaml.safe_load(_CONFIG.read_text())["config"]
    statements = bootstrapping(account, config["aws:region"], config["artifact-edge-bootstrap:bucket"])
    print(json.dumps(json.loads(document(statements)), indent=2))


def bootstrapping(account: str, region: str, bucket: str) -> Sequence[Statement]:
    """Returns the permissions of a person who runs `pulumi up` of the bootstrap program. The permissions include access
    to the program's own Pulumi state, which is in the bucket that the program creates.
    """
    keys = f"arn:aws:kms:{region}:{account}:key/*"
    tagged = {"StringEquals": {"aws:ResourceTag/environment": ENVIRONMENT}}
    listing, objects, _ = state_access(bucket, keys, ENVIRONMENT, may_write=True)
    return [
        *_buckets([f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{logs_of(bucket)}"]),
        listing,
        objects,
        *_identities(account),
        allow(["kms:ListAliases", "sts:GetCallerIdentity"], ["*"]),
        allow(["kms:CreateKey"], ["*"], condition={"StringEquals": {"aws:RequestTag/environment": ENVIRONMENT}}),
        # `kms:TagResource` also adds the first tags of a new key. The new key has no tag `environment` yet, so
        # StringEqualsIfExists allows keys without this tag.
        allow(
            ["kms:TagResource"],
            [keys],
            condition={
                "StringEquals": {"aws:RequestTag/environment": ENVIRONMENT},
                "StringEqualsIfExists": {"aws:ResourceTag/environment": ENVIRONMENT},
            },
        ),
        allow(
            [
                "kms:CreateAlias",
                "kms:Decrypt",
                "kms:Describe*",
                "kms:EnableKeyRotation",
                "kms:Encrypt",
                "kms:GenerateDataKey",
                "kms:Get*",
                "kms:List*",
                "kms:PutKeyPolicy",
                "kms:UpdateAlias",
                "kms:UpdateKeyDescription",
            ],
            [keys],
            condition=tagged,
        ),
        allow(["kms:CreateAlias", "kms:UpdateAlias"], [f"arn:aws:kms:{region}:{account}:{ALIAS}"]),
    ]


def _buckets(buckets: Sequence[str]) -> Sequence[Statement]:
    """Returns the permissions to create and configure the bucket of the Pulumi state and the bucket of its access
    logs.
    """
    return [
        allow(["s3:GetBucket*", "s3:Get*Configuration", "s3:ListBucket"], buckets),
        allow(
            [
                "s3:CreateBucket",
                "s3:PutBucketLogging",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
            ],
            buckets,
        ),
    ]


def _identities(account: str) -> Sequence[Statement]:
    """Returns the permissions to create, change and delete the bootstrap program's IAM roles and permissions
    boundaries, and to create and change GitHub's identity provider.
    """
    roles = [f"arn:aws:iam::{account}:role/artifact-edge-bootstrap-*"]
    boundaries = [boundary_arn(account, "*")]
    issuer = [f"arn:aws:iam::{account}:oidc-provider/{ISSUER}"]
    return [
        allow(["iam:Get*", "iam:List*"], [*roles, *boundaries, *issuer]),
        allow(
            [
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            roles,
        ),
        allow(
            [
                "iam:CreatePolicy",
                "iam:CreatePolicyVersion",
                "iam:DeletePolicy",
                "iam:DeletePolicyVersion",
                "iam:TagPolicy",
                "iam:UntagPolicy",
            ],
            boundaries,
        ),
        allow(
            [
                "iam:AddClientIDToOpenIDConnectProvider",
                "iam:CreateOpenIDConnectProvider",
                "iam:TagOpenIDConnectProvider",
                "iam:UntagOpenIDConnectProvider",
                "iam:UpdateOpenIDConnectProviderThumbprint",
            ],
            issuer,
        ),
    ]


if __name__ == "__main__":
    app()
