"""Cases of what holds for all that costs or keeps something."""

from __future__ import annotations

from tests.policies.cases.parts import BUCKET, GCE, GCS_BUCKET, INSTANCE, PRIMARY, REPLICA, TABLE, TAGS, Case
from tests.policies.resources import resource

CASES = [
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
]
