"""The key that encrypts objects and metadata on AWS: one key, in every region that keeps some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.iam import account_root, allow, document
from infra.keys import AwsKeysArgs

ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:List*",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
)
"""All that keeps a key in order, and nothing that encrypts or decrypts: no `kms:CreateGrant` either."""

_USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


class AwsKeys(pulumi.ComponentResource):
    """A multi-region key, rotated every year, with a replica in each further region. `arns` holds one ARN a region.

    The same key everywhere is for restores: a backup of one region can be read in any other (KMS Developer Guide,
    "Multi-Region keys"). Nobody uses it but through S3 and DynamoDB.
    """

    arns: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: AwsKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:keys:AwsKeys", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id

        def policy(region: str) -> pulumi.Output[str]:
            return pulumi.Output.all(account, *args.readers).apply(
                lambda known: _policy(args.prefix, region, known[0], known[1:])
            )

        description = f"Objects and metadata of {args.prefix}"
        home, *others = args.regions
        primary = aws.kms.Key(
            home,
            region=home,
            description=description,
            multi_region=True,
            enable_key_rotation=True,
            deletion_window_in_days=args.deletion_days,
            policy=policy(home),
            opts=child,
        )
        replicas = {
            region: aws.kms.ReplicaKey(
                region,
                region=region,
                primary_key_arn=primary.arn,
                description=description,
                deletion_window_in_days=args.deletion_days,
                policy=policy(region),
                opts=child,
            )
            for region in others
        }
        for region, key in {home: primary, **replicas}.items():
            aws.kms.Alias(region, region=region, name=f"alias/{args.prefix}", target_key_id=key.key_id, opts=child)
        self.arns = {home: primary.arn, **{region: replica.arn for region, replica in replicas.items()}}
        self.register_outputs({"arns": self.arns})


def _policy(prefix: str, region: str, account: str, readers: Sequence[str]) -> str:
    """Who may do what with the key in one region. A key policy's resource is the key itself: `*`.

    S3 asks for those who have a right to the key in their own IAM policy (publishers, the replication role); DynamoDB
    for whoever in the account may use the table, as with the key that AWS itself would manage (DynamoDB Developer
    Guide, "DynamoDB encryption at rest: usage notes"). Readers need no IAM policy: they are named here.
    """
    root = account_root(account)
    s3 = {"kms:ViaService": f"s3.{region}.amazonaws.com"}
    dynamodb = {"kms:ViaService": f"dynamodb.{region}.amazonaws.com", "kms:CallerAccount": account}
    statements = [
        allow(ADMINISTRATION, "*", sid="Administer", principal=root),
        allow(_USE, "*", sid="UseThroughS3", principal=root, condition={"StringEquals": s3}),
        allow(
            (*_USE, "kms:CreateGrant"),
            "*",
            sid="UseThroughDynamoDb",
            principal={"AWS": "*"},
            condition={"StringEquals": dynamodb},
        ),
    ]
    if readers:
        # With a bucket key the context is the bucket's ARN, without one the object's (S3 User Guide, "Bucket Keys").
        objects = {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{prefix}-*"}
        statements.append(
            allow(
                "kms:Decrypt",
                "*",
                sid="ReadThroughS3",
                principal={"AWS": list(readers)},
                condition={"StringEquals": s3, "StringLike": objects},
            )
        )
    return document(statements)
