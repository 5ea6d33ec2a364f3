"""Harmful changes to the resource policies of S3 buckets, KMS keys, SQS queues, SNS topics and VPC endpoints. Tests
make each change, and a policy must report it.
"""

from __future__ import annotations

import json

from tests.policies.mutations.changes import add_resource, also_allow, put, statements
from tests.policies.violations import Violation
from tests.support.harness import Registered

BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
OWN = "123456789012"
OTHER = "210987654321"


def published(resource: Registered) -> bool:
    return not resource.name.endswith("-logs")


VIOLATIONS = [
    Violation(
        "bucket policy: everybody may read through a VPC endpoint outside the stack",
        "aws-iam-networks-of-stack",
        "it lets in everybody from vpce-0123456789abcdef0",
        BUCKET_POLICY,
        also_allow(
            "policy",
            Principal="*",
            Action="s3:GetObject",
            Condition={"StringEquals": {"aws:SourceVpce": "vpce-0123456789abcdef0"}},
        ),
    ),
    Violation(
        "bucket policy: everybody may read from a VPC outside the stack",
        "aws-iam-networks-of-stack",
        "it lets in everybody from vpc-0123456789abcdef0",
        BUCKET_POLICY,
        also_allow(
            "policy",
            Principal={"AWS": "*"},
            Action="s3:GetObject",
            Condition={"StringEquals": {"aws:SourceVpc": "vpc-0123456789abcdef0"}},
        ),
    ),
    Violation(
        "bucket policy: everybody may read from any IP address",
        "multi-bucket-grants-not-public",
        "statement 4 allows s3:GetObject to everybody",
        BUCKET_POLICY,
        also_allow(
            "policy", Principal="*", Action="s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}
        ),
    ),
    Violation(
        "bucket policy: everybody may do all but one action over TLS",
        "multi-bucket-grants-not-public",
        "statement 4 allows all but some actions to everybody",
        BUCKET_POLICY,
        also_allow(
            "policy", Principal="*", NotAction="s3:DeleteBucket", Condition={"Bool": {"aws:SecureTransport": "true"}}
        ),
    ),
    Violation(
        "bucket policy: everybody may read after a past date",
        "multi-bucket-grants-not-public",
        "statement 4 allows s3:GetObject to everybody",
        BUCKET_POLICY,
        also_allow(
            "policy",
            Principal="*",
            Action="s3:GetObject",
            Condition={"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
        ),
    ),
    Violation(
        "bucket policy: CloudFront may read on behalf of any account",
        "aws-iam-service-principals-bound",
        "statement 4 lets cloudfront.amazonaws.com act for any account",
        BUCKET_POLICY,
        also_allow("policy", Principal={"Service": "cloudfront.amazonaws.com"}, Action="s3:GetObject"),
    ),
    Violation(
        "bucket policy: CloudFront may read on behalf of another account",
        "aws-iam-principals-in-own-accounts",
        "it lets in arn:aws:cloudfront::210987654321:distribution/*, which is",
        BUCKET_POLICY,
        also_allow(
            "policy",
            Principal={"Service": "cloudfront.amazonaws.com"},
            Action="s3:GetObject",
            Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{OTHER}:distribution/*"}},
        ),
    ),
    Violation(
        "bucket policy: an account of AWS in China may read",
        "aws-iam-principals-in-own-accounts",
        "it lets in arn:aws-cn:iam::210987654321:root, which is not in the",
        BUCKET_POLICY,
        also_allow("policy", Principal={"AWS": f"arn:aws-cn:iam::{OTHER}:root"}, Action="s3:GetObject"),
    ),
    Violation(
        "bucket policy: denies every read",
        "aws-iam-denials-conditional",
        "statement 4 refuses s3:GetObject to everybody",
        BUCKET_POLICY,
        statements(
            "policy", lambda s: [*s, {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}]
        ),
        published,
    ),
    Violation(
        "bucket policy: denies everything to all but one user",
        "aws-iam-denials-conditional",
        "statement 4 refuses s3:* to everybody",
        BUCKET_POLICY,
        statements(
            "policy",
            lambda s: [
                *s,
                {
                    "Effect": "Deny",
                    "NotPrincipal": {"AWS": f"arn:aws:iam::{OWN}:user/x"},
                    "Action": "s3:*",
                    "Resource": "*",
                },
            ],
        ),
        published,
    ),
    Violation(
        "KMS key: a role of another account may create grants",
        "aws-iam-principals-in-own-accounts",
        "it lets in arn:aws:iam::210987654321:role/x, which is not in the",
        KEY,
        also_allow("policy", Principal={"AWS": f"arn:aws:iam::{OTHER}:role/x"}, Action="kms:CreateGrant"),
    ),
    Violation(
        "KMS key: everybody may decrypt through a service, from any account",
        "aws-iam-resource-policies-name-principals",
        "statement 4 allows kms:Decrypt to everybody",
        KEY,
        also_allow(
            "policy",
            Principal={"AWS": "*"},
            Action="kms:Decrypt",
            Condition={"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}},
        ),
    ),
    Violation(
        "KMS key: all accounts whose number begins with four digits may decrypt",
        "aws-iam-resource-policies-name-principals",
        "statement 4 allows kms:Decrypt to everybody",
        KEY,
        also_allow(
            "policy", Principal="*", Action="kms:Decrypt", Condition={"StringLike": {"kms:CallerAccount": "1234*"}}
        ),
    ),
    Violation(
        "KMS key: the shields' role may do everything with the key",
        "aws-kms-key-administered-by-account",
        "arn:aws:iam::123456789012:role/artifact-edge-prod-shield may kms:*",
        KEY,
        also_allow("policy", Principal={"AWS": f"arn:aws:iam::{OWN}:role/artifact-edge-prod-shield"}, Action="kms:*"),
    ),
    Violation(
        "KMS key: the shields' role may delete the key",
        "aws-kms-key-administered-by-account",
        "arn:aws:iam::123456789012:role/artifact-edge-prod-shield may",
        KEY,
        also_allow(
            "policy",
            Principal={"AWS": f"arn:aws:iam::{OWN}:role/artifact-edge-prod-shield"},
            Action="kms:ScheduleKeyDeletion",
        ),
    ),
    Violation(
        "KMS key: the shields' role may change the key's policy",
        "aws-kms-key-administered-by-account",
        "arn:aws:iam::123456789012:role/artifact-edge-prod-shield may",
        KEY,
        also_allow(
            "policy",
            Principal={"AWS": f"arn:aws:iam::{OWN}:role/artifact-edge-prod-shield"},
            Action=["kms:Decrypt", "kms:PutKeyPolicy"],
        ),
    ),
    Violation(
        "KMS key: denies everybody to decrypt",
        "aws-iam-denials-conditional",
        "statement 4 refuses kms:Decrypt to everybody",
        KEY,
        statements(
            "policy",
            lambda s: [*s, {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*"}],
        ),
        lambda r: r.protect,
    ),
    Violation(
        "KMS key: AWS does not check whether the key's policy locks out its administrators",
        "aws-kms-key-administered-by-account",
        "bypassPolicyLockoutSafetyCheck is true, so its policy can lock the",
        KEY,
        put("bypassPolicyLockoutSafetyCheck", True),
    ),
    Violation(
        "KMS key: it is rotated only every seven years",
        "multi-key-rotated",
        "rotation_period_in_days is 2560",
        KEY,
        put("rotationPeriodInDays", 2560),
    ),
    Violation(
        "KMS replica key: a deleted key can be restored for 8 days only",
        "aws-kms-key-deletion-delayed",
        "a deleted key can be recovered for 8 days only",
        REPLICA_KEY,
        put("deletionWindowInDays", 8),
    ),
    Violation(
        "queue policy: a topic of another account may send messages",
        "aws-iam-principals-in-own-accounts",
        "it lets in arn:aws:sns:us-east-1:210987654321:x, which is not in the",
        "aws:sqs/queue:Queue",
        add_resource(
            "aws:sqs/queuePolicy:QueuePolicy",
            queueUrl="x",
            policy=json.dumps(
                {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "sns.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": "*",
                            "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:sns:us-east-1:{OTHER}:x"}},
                        }
                    ]
                }
            ),
        ),
    ),
    Violation(
        "an ECR repository policy is added, which is a type that nobody has reviewed",
        "stack-resource-types-reviewed",
        "added has the type aws:ecr/repositoryPolicy:RepositoryPolicy, which",
        "aws:sqs/queue:Queue",
        add_resource("aws:ecr/repositoryPolicy:RepositoryPolicy", repository="x", policy="{}"),
    ),
    Violation(
        "topic policy: everybody may subscribe over TLS",
        "aws-iam-resource-policies-name-principals",
        "statement 2 allows sns:Subscribe to everybody",
        TOPIC_POLICY,
        also_allow(
            "policy", Principal="*", Action="sns:Subscribe", Condition={"Bool": {"aws:SecureTransport": "true"}}
        ),
    ),
    Violation(
        "topic policy: CloudWatch may no longer publish",
        "aws-sns-topic-lets-alarms-publish",
        "its policy does not let CloudWatch publish",
        TOPIC_POLICY,
        statements("policy", lambda s: [x for x in s if x["Effect"] == "Deny"]),
    ),
    Violation(
        "topic policy: denies everybody to publish",
        "aws-iam-denials-conditional",
        "statement 2 refuses sns:Publish to everybody",
        TOPIC_POLICY,
        statements(
            "policy", lambda s: [*s, {"Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}]
        ),
    ),
    Violation(
        "KMS key of the alarm topic: CloudWatch may no longer encrypt",
        "aws-sns-topic-lets-alarms-publish",
        "its key ap-southeast-1 does not let CloudWatch kms:decrypt",
        KEY,
        statements("policy", lambda s: [x for x in s if x.get("Principal") != {"Service": "cloudwatch.amazonaws.com"}]),
        lambda k: "EncryptAlarms" in k.inputs["policy"],
    ),
    Violation(
        "VPC endpoint: its policy denies everything to everybody",
        "aws-iam-denials-conditional",
        "statement 0 refuses * to everybody",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        put(
            "policy", json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]})
        ),
    ),
]
