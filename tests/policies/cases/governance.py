"""Test cases for the policies on all resources of a stack."""

from __future__ import annotations

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from tests.policies.cases.keys import KEY
from tests.policies.cases.parts import BUCKET, GCE, GCS_BUCKET, INSTANCE, PRIMARY, REPLICA, ROLE, TABLE, TAGS, Case
from tests.policies.resources import resource

DEAR = [
    resource(
        INSTANCE,
        {"instanceType": "i4i.2xlarge", "region": "us-east-1", "ebsBlockDevices": UNKNOWN_STRING_VALUE},
        name,
    )
    for name in ("a", "b", "c", "d")
]

CASES = [
    Case("multi-data-force-destroy-off", [resource(BUCKET, {"forceDestroy": True})], "force_destroy is true"),
    Case("multi-data-force-destroy-off", [resource("aws:route53/zone:Zone", {"forceDestroy": True})], "is true"),
    Case("multi-data-force-destroy-off", [PRIMARY, resource(GCS_BUCKET, {"forceDestroy": False})]),
    Case("multi-data-force-destroy-off", [resource(BUCKET, {"forceDestroy": True})], config={"required": False}),
    Case("multi-resource-tagged", [resource(INSTANCE, {"tags": {**TAGS, "owner": ""}})], "it lacks owner"),
    Case("multi-resource-tagged", [resource(GCE, {"tags": TAGS})], "it lacks project, environment, owner, cost-center"),
    Case("multi-resource-tagged", [resource(INSTANCE, {"tags": TAGS}), resource(GCE, {"labels": TAGS})]),
    Case(
        "multi-data-in-allowed-regions",
        [PRIMARY],
        "us-east-1 is not among eu-*",
        config={"regions": ["eu-*"]},
    ),
    Case(
        "multi-data-in-allowed-regions",
        [resource(TABLE, {"region": "eu-west-1", "replicas": [{"regionName": "us-east-1"}]})],
        "us-east-1 is not among eu-*",
        config={"regions": ["eu-*"]},
    ),
    Case(
        "multi-data-in-allowed-regions",
        [resource(GCS_BUCKET, {"location": "US"})],
        "US is not among eu-*",
        config={"regions": ["eu-*"]},
    ),
    Case(
        "multi-data-in-allowed-regions",
        [resource("gcp:spanner/instance:Instance", {"config": "projects/x/instanceConfigs/regional-us-east4"})],
        "us-east4 is not among eu-*",
        config={"regions": ["eu-*"]},
    ),
    Case("multi-data-in-allowed-regions", [REPLICA], config={"regions": ["eu-*"]}),
    Case("multi-data-protected-from-replacement", [resource(BUCKET, {}, protect=False)], "it is not protected"),
    Case("multi-data-protected-from-replacement", [PRIMARY, resource(INSTANCE, {}, protect=False)]),
    Case(
        "multi-data-in-allowed-regions",
        [resource(KEY, {"region": "us-east-1"})],
        "us-east-1",
        config={"regions": ["eu-*"]},
    ),
    Case(
        "stack-resource-types-reviewed",
        [PRIMARY, resource("aws:s3/bucketAcl:BucketAcl", {}, "list")],
        "list has the type aws:s3/bucketAcl:BucketAcl, which no policy has reviewed",
    ),
    Case("stack-resource-types-reviewed", [PRIMARY, resource("artifact-edge:blobs:S3Blobs", {})]),
    Case(
        "stack-resource-types-reviewed",
        [resource("aws:rds/cluster:Cluster", {})],
        config={"types": ["aws:rds/cluster:Cluster"]},
    ),
    *[
        Case("multi-data-protected-from-replacement", [resource(token, {}, protect=False)], "it is not protected")
        for token in (KEY, "aws:kms/replicaKey:ReplicaKey", "gcp:kms/cryptoKey:CryptoKey")
    ],
    Case("stack-cost-within-budget", DEAR, "US dollars a month (shield 2,0", config={"dollars": 1000}),
    Case("stack-cost-within-budget", [resource("aws:rds/cluster:Cluster", {})], "no price for aws:rds/cluster:Cluster"),
    Case("stack-cost-within-budget", [resource(INSTANCE, {"region": "us-east-1"})], "no price for EC2 None"),
    Case("stack-cost-within-budget", [*DEAR, PRIMARY, resource(ROLE, {})]),
]
