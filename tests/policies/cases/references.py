"""Test cases for the policies that refuse keys, images, service accounts and code of other accounts and projects."""

from __future__ import annotations

from tests.policies.cases.parts import Case
from tests.policies.resources import resource

FUNCTION = "aws:lambda/function:Function"
SERVICE = "gcp:cloudrunv2/service:Service"
TABLE = "aws:dynamodb/table:Table"
DATABASE = "gcp:spanner/database:Database"
OWN, CODE = "multi-resource-references-in-own-accounts", "multi-function-code-from-program"
SETTINGS = {"accounts": ["123456789012"], "projects": ["artifact-edge-prod"]}
KEY = "arn:aws:kms:eu-west-1:{}:key/mrk-1"
GOOGLE_KEY = "projects/{}/locations/us/keyRings/r/cryptoKeys/k"

CASES = [
    Case(
        OWN,
        [resource(TABLE, {"replicas": [{"kmsKeyArn": KEY.format("999999999999")}]})],
        "belongs to 999999999999",
        SETTINGS,
    ),
    Case(
        OWN,
        [resource(FUNCTION, {"imageUri": "999999999999.dkr.ecr.us-east-1.amazonaws.com/x:1"})],
        "belongs to",
        SETTINGS,
    ),
    Case(
        OWN,
        [resource(DATABASE, {"encryptionConfig": {"kmsKeyName": GOOGLE_KEY.format("other")}})],
        "to other",
        SETTINGS,
    ),
    Case(
        OWN,
        [resource(SERVICE, {"template": {"serviceAccount": "x@other.iam.gserviceaccount.com"}})],
        "belongs to other",
        SETTINGS,
    ),
    Case(OWN, [resource(TABLE, {"replicas": [{"kmsKeyArn": KEY.format("123456789012")}]})], config=SETTINGS),
    Case(
        OWN,
        [resource(DATABASE, {"encryptionConfig": {"kmsKeyName": GOOGLE_KEY.format("artifact-edge-prod")}})],
        config=SETTINGS,
    ),
    *[
        Case(CODE, [resource(FUNCTION, {name: value})], f"its code is from {name}")
        for name, value in (
            ("s3Bucket", "other"),
            ("imageUri", "other/x:1"),
            ("layers", ["arn:aws:lambda:::layer:x:1"]),
        )
    ],
    Case(
        CODE,
        [resource(FUNCTION, {"environment": {"variables": {"AWS_ENDPOINT_URL_S3": "https://other.example"}}})],
        "another endpoint",
    ),
    Case(CODE, [resource(FUNCTION, {"environment": {"variables": {"SECRET_REGION": "us-east-1"}}})]),
    Case(CODE, [resource(SERVICE, {"template": {"containers": [{"image": "other/x:latest"}]}})], "other/x:latest"),
    Case(
        CODE,
        [
            resource(
                SERVICE,
                {
                    "template": {
                        "containers": [{"image": "scratch", "envs": [{"name": "AWS_ENDPOINT_URL", "value": "x"}]}]
                    }
                },
            )
        ],
        "another endpoint",
    ),
    Case(CODE, [resource(SERVICE, {"template": {"containers": [{"image": "scratch"}]}})]),
]
