"""Resources for the policy test cases. Some meet the policies, as the Pulumi program declares them. Others contain a
mistake that a careless change could introduce.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from infra.blobs import Bucket
from infra.machines.serving import ServingReports
from infra.shield import BootSettings
from infra.shield.user_data import render_user_data
from tests.policies.resources import resource

INSTANCE = "aws:ec2/instance:Instance"
GCE = "gcp:compute/instance:Instance"
TABLE = "aws:dynamodb/table:Table"
REPLICA_TABLE = "aws:dynamodb/tableReplica:TableReplica"
DATABASE = "gcp:spanner/database:Database"
BUCKET = "aws:s3/bucket:Bucket"
GCS_BUCKET = "gcp:storage/bucket:Bucket"
RECORD = "aws:route53/record:Record"
SCRIPT = "cloudflare:index/workersScript:WorkersScript"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
FIREWALL = "gcp:compute/firewall:Firewall"
ROLE = "aws:iam/role:Role"
PRIVATE_KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIO\n-----END EC PRIVATE KEY-----"
TAGS = {"project": "artifact-edge", "environment": "unit", "owner": "platform", "cost-center": "none"}
ALL_BLOCKS: dict[str, bool] = dict.fromkeys(
    ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
)

Props = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One test case for a policy of the Pulumi policy pack. The policy must report exactly `count` findings, and each
    must contain the text `says`. If `says` is empty, the policy must report no finding.

    `exemptions` is the content of a stack's file with exemptions, as in `policies/exemptions`.
    """

    policy: str
    resources: Sequence[PolicyResource]
    says: str = ""
    config: Props = field(default_factory=dict[str, Any])
    count: int = 1
    exemptions: str = ""


def bucket(name: str = "primary", region: str = "us-east-1") -> PolicyResource:
    return resource(BUCKET, {"bucket": name, "region": region, "arn": f"arn:aws:s3:::{name}"}, name)


def bucket_setting(of: PolicyResource, kind: str, props: Props) -> PolicyResource:
    """Returns the Pulumi resource that configures a setting of the bucket `of`. `kind` is the name of its resource
    type, such as `BucketVersioning`.
    """
    token = f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}"
    return resource(token, {"bucket": UNKNOWN_STRING_VALUE, **props}, kind, on={"bucket": [of]})


def document(*statements: Props) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any = None, action: Any = "s3:GetObject", target: Any = "arn:aws:s3:::b/*", **more: Any) -> Props:
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": target,
        **({"Principal": principal} if principal else {}),
        **more,
    }


def packed(text: str, padding: int | None = None) -> str:
    """Returns the text compressed with gzip and encoded in base64, as cloud-init accepts it. If `padding` is given, the
    function appends spaces to the text until its base64 form ends with this number of padding characters (`=`). The
    test cases use each possible padding, because a policy must find a secret with any of them.
    """
    encoded = base64.b64encode(gzip.compress(text.encode())).decode()
    return encoded if padding in (None, encoded.count("=", -2)) else packed(f"{text} ", padding)


PRIMARY, REPLICA = bucket(), bucket("replica", "eu-west-1")
DENY_PLAIN = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::primary", "arn:aws:s3:::primary/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
VERIFIED: dict[str, bool] = dict.fromkeys(("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring"), True)
ENCRYPTED = {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]}
VERSIONED = {"versioningConfiguration": {"status": "Enabled"}}


USER_DATA = render_user_data(
    BootSettings(
        [Bucket("b", "us-east-1", "b.s3")],
        "artifact-edge/unit/shield",
        ["us-east-1"],
        "us-east-1",
        "/unit/certificate",
        ServingReports("/unit/serving", "us-east-1"),
    ),
    "us-east-1-0",
    "us-east-1",
    "aws",
    "arn:aws:iam::123456789012:role/unit-shield",
)


def replication(**rule: Any) -> PolicyResource:
    """Returns the Pulumi resource that replicates the primary bucket to its replica. The resource has one replication
    rule. The keyword arguments override fields of this rule.
    """
    known_target = {"bucket": "arn:aws:s3:::replica"}
    rules = [{"status": "Enabled", "destination": known_target, **rule}]
    return resource(
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        {"bucket": "primary", "rules": rules},
        on={"bucket": [PRIMARY], "rules": [] if rules[0]["destination"] == known_target else [REPLICA]},
    )
