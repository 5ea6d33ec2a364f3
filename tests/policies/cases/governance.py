"""Cases of policies over all resources."""

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
    Case("nothing-emptied-by-destroy", [resource(BUCKET, {"forceDestroy": True})], "force_destroy is true"),
    Case("nothing-emptied-by-destroy", [resource("aws:route53/zone:Zone", {"forceDestroy": True})], "is true"),
    Case("nothing-emptied-by-destroy", [PRIMARY, resource(GCS_BUCKET, {"forceDestroy": False})]),
    Case("nothing-emptied-by-destroy", [resource(BUCKET, {"forceDestroy": True})], config={"required": False}),
    Case("tags-required", [resource(INSTANCE, {"tags": {**TAGS, "owner": ""}})], "it lacks owner"),
    Case("tags-required", [resource(GCE, {"tags": TAGS})], "it lacks project, environment, owner, cost-center"),
    Case("tags-required", [resource(INSTANCE, {"tags": TAGS}), resource(GCE, {"labels": TAGS})]),
    Case(
        "data-stays-in-regions",
        [PRIMARY],
        "us-east-1 is not among eu-*",
        config={"regions": ["eu-*"]},
    ),
    Case(
        "data-stays-in-regions",
        [resource(TABLE, {"region": "eu-west-1", "replicas": [{"regionName": "us-east-1"}]})],
        "us-east-1 is not among eu-*",
        config={"regions": ["eu-*"]},
    ),
    Case(
        "data-stays-in-regions",
        [resource(GCS_BUCKET, {"location": "US"})],
        "US is not among eu-*",
        config={"regions": ["eu-*"]},
    ),
    Case(
        "data-stays-in-regions",
        [resource("gcp:spanner/instance:Instance", {"config": "projects/x/instanceConfigs/regional-us-east4"})],
        "us-east4 is not among eu-*",
        config={"regions": ["eu-*"]},
    ),
    Case("data-stays-in-regions", [REPLICA], config={"regions": ["eu-*"]}),
    Case("irreplaceable-protected", [resource(BUCKET, {}, protect=False)], "it is not protected"),
    Case("irreplaceable-protected", [PRIMARY, resource(INSTANCE, {}, protect=False)]),
    Case("data-stays-in-regions", [resource(KEY, {"region": "us-east-1"})], "us-east-1", config={"regions": ["eu-*"]}),
    Case("spend-within-budget", DEAR, "US dollars a month (shield 2,0", config={"dollars": 1000}),
    Case("spend-within-budget", [resource("aws:rds/cluster:Cluster", {})], "no price for aws:rds/cluster:Cluster"),
    Case("spend-within-budget", [resource(INSTANCE, {"region": "us-east-1"})], "no price for EC2 None"),
    Case("spend-within-budget", [*DEAR, PRIMARY, resource(ROLE, {})]),
]
