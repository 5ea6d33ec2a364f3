"""The KMS key that encrypts objects and metadata on AWS, in every region that keeps such data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.iam import account_root, allow, document
from infra.keys import AwsKeysArgs

# Actions that administer a KMS key. None of these actions encrypts or decrypts data. The list leaves out
# `kms:CreateGrant`, because a grant can give another principal the use of the key.
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

_USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*")


class AwsKeys(pulumi.ComponentResource):
    """A multi-region KMS key with a replica in each further region. KMS rotates the key every year.

    `arns` holds one ARN for each region. All regions share the key material, so operators can restore a backup of one
    region in another region (KMS Developer Guide, "Multi-Region keys"). Principals can use the key only through S3 and
    DynamoDB.
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
    """Returns the KMS key policy for one region. In a key policy, the resource `*` is the key itself.

    S3 may use the key for principals whose IAM policy allows the use, such as publishers and the replication role.
    DynamoDB may use the key for all principals in the account that may use the table. The key that AWS manages for
    DynamoDB has the same rule (DynamoDB Developer Guide, "DynamoDB encryption at rest: usage notes"). The key policy
    itself names the principals `readers`, so these principals need no IAM policy.
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
        # If the bucket has an S3 Bucket Key, S3 sets the encryption context to the bucket's ARN. Otherwise, S3 sets the
        # encryption context to the object's ARN (S3 User Guide, "Bucket Keys").
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
