"""Creates the storage of all stacks' Pulumi state: a bucket, and the KMS key that encrypts the state."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.blobs.s3_policies import log_delivery, tls_only
from infra.blobs.s3_store import Guarded
from infra.iam import account_root, allow, document
from infra.keys.aws import ADMINISTRATION

# The number of days for which the buckets keep access logs and overwritten versions of Pulumi's state.
_NONCURRENT_DAYS = 365

# The alias of the KMS key that encrypts Pulumi's state.
ALIAS = "alias/artifact-edge-state"

_USE = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*")


@dataclass(frozen=True)
class StateArgs:
    """Arguments of the component that stores Pulumi's state. `bucket` must be a bucket name that no other AWS account
    uses.
    """

    bucket: str
    region: str


class State(pulumi.ComponentResource):
    """A versioned S3 bucket for Pulumi's state, and the KMS key that encrypts the bucket. Pulumi encrypts the secrets
    in the stacks' states with the same key.
    """

    key_arn: pulumi.Output[str]
    alias: str

    def __init__(self, name: str, args: StateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:bootstrap:State", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        key = aws.kms.Key(
            name,
            region=args.region,
            description="State of artifact-edge's stacks, and the secrets in it",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=account.apply(_key_policy),
            opts=child,
        )
        self.alias = ALIAS
        aws.kms.Alias(name, region=args.region, name=self.alias, target_key_id=key.key_id, opts=child)
        bucket = Guarded(
            "state",
            args.bucket,
            args.region,
            removable=False,
            policy=document(*tls_only(args.bucket)),
            parent=self,
        )
        bucket.encrypt(key.arn)
        bucket.age(
            {
                "id": "old-states",
                "status": "Enabled",
                "filter": {},
                "noncurrent_version_expiration": {"noncurrent_days": _NONCURRENT_DAYS},
                "expiration": {"expired_object_delete_marker": True},
            }
        )
        self._log(bucket, args, account)
        self.key_arn = key.arn
        self.register_outputs({"key_arn": self.key_arn, "bucket": args.bucket})

    def _log(self, bucket: Guarded, args: StateArgs, account: pulumi.Output[str]) -> None:
        """Creates the bucket that receives the access logs of the state bucket.

        S3 encrypts the logs with its own key, because a log target takes no customer managed key (S3 User Guide,
        "Enabling Amazon S3 server access logging").
        """
        name = logs_of(args.bucket)
        policy = account.apply(lambda known: document(*tls_only(name), log_delivery(name, args.bucket, known)))
        logs = Guarded("logs", name, args.region, removable=False, policy=policy, parent=self)
        logs.encrypt(None)
        logs.age(
            {
                "id": "old-logs",
                "status": "Enabled",
                "filter": {},
                "expiration": {"days": _NONCURRENT_DAYS},
                "noncurrent_version_expiration": {"noncurrent_days": 30},
            }
        )
        aws.s3.BucketLogging(
            "state",
            bucket=bucket.bucket.bucket,
            region=args.region,
            target_bucket=logs.bucket.bucket,
            target_prefix="state/",
            # Pulumi enables logging only after the log bucket has its policy, because S3 tries to write a log as soon
            # as logging is enabled.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[logs.policy]),
        )


def logs_of(bucket: str) -> str:
    """Returns the name of the bucket that receives the access logs of the state bucket."""
    return f"{bucket}-logs"


def _key_policy(account: str) -> str:
    """Returns the policy of the KMS key for Pulumi's state. The policy delegates all permissions to the IAM policies of
    the account's principals.
    """
    root = account_root(account)
    return document(
        allow(ADMINISTRATION, "*", sid="Administer", principal=root), allow(_USE, "*", sid="Use", principal=root)
    )
