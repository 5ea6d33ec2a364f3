"""Harmful changes that give a role permission to write or delete objects, although the role must not have this
permission. Tests make each change, and a policy must report it.
"""

from __future__ import annotations

from tests.policies.cases.parts import document
from tests.policies.mutations.changes import also_allow, put
from tests.policies.violations import GOOGLE, Violation

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
GCS_GRANT = "gcp:storage/bucketIAMMember:BucketIAMMember"
WRITERS = "multi-bucket-writers-restricted"
OBJECTS = "arn:aws:s3:::artifact-edge-prod-example-us-east-1/*"


def writing(how: str, role: str, *actions: str, resource: str = OBJECTS) -> Violation:
    return Violation(
        f"writer: {how}",
        WRITERS,
        role,
        ROLE_POLICY,
        also_allow("policy", Action=list(actions), Resource=resource),
        lambda policy: policy.inputs["role"].endswith(role) and policy.name != "origin-ways",
    )


VIOLATIONS = [
    writing("the shields' role may write and delete objects", "shield", "s3:PutObject", "s3:DeleteObject"),
    writing("the metadata API's role may write objects", "metadata-api", "s3:PutObject"),
    writing("the shields' role may do every action s3:Put*", "shield", "s3:Put*"),
    writing("the shields' role may do every action on objects", "shield", "s3:*Object*"),
    writing("the shields' role may write replicas of objects", "shield", "s3:ReplicateObject", "s3:ReplicateDelete"),
    writing("the shields' role may delete versions of objects", "shield", "s3:DeleteObjectVersion"),
    writing("the shields' role may write to every bucket", "shield", "s3:PutObject", resource="arn:aws:s3:::*"),
    writing(
        "the token sync's role may write objects with a prefix",
        "entitlements",
        "s3:PutObject",
        resource=f"{OBJECTS[:-1]}npm/*",
    ),
    writing(
        "the shields' role may change the bucket's lifecycle",
        "shield",
        "s3:PutLifecycleConfiguration",
        resource=OBJECTS.removesuffix("/*"),
    ),
    writing(
        "the shields' role may change the bucket's policy",
        "shield",
        "s3:PutBucketPolicy",
        resource=OBJECTS.removesuffix("/*"),
    ),
    Violation(
        "writer: an inline policy lets the shields' role write objects",
        WRITERS,
        "shield",
        ROLE,
        put(
            "inlinePolicies",
            [
                {
                    "name": "write",
                    "policy": document({"Effect": "Allow", "Action": "s3:PutObject", "Resource": OBJECTS}),
                }
            ],
        ),
        lambda role: role.name == "shield",
    ),
    Violation(
        "writer: the bucket's policy lets the shields' role write objects",
        WRITERS,
        "shield",
        BUCKET_POLICY,
        also_allow(
            "policy",
            Principal={"AWS": "arn:aws:iam::123456789012:role/artifact-edge-prod-shield"},
            Action="s3:PutObject",
            Resource=OBJECTS,
        ),
        lambda policy: policy.name == "us-east-1",
    ),
    Violation(
        "writer: the bucket's policy lets the whole account write objects",
        WRITERS,
        "root",
        BUCKET_POLICY,
        also_allow(
            "policy",
            Principal={"AWS": "arn:aws:iam::123456789012:root"},
            Action="s3:PutObject",
            Resource=OBJECTS,
        ),
        lambda policy: policy.name == "us-east-1",
    ),
    Violation(
        "writer: the outbox relay's role may end locks of objects early",
        WRITERS,
        "retention",
        ROLE_POLICY,
        also_allow("policy", Action="s3:BypassGovernanceRetention", Resource=OBJECTS),
        lambda policy: policy.inputs["role"].endswith("drain"),
    ),
    *[
        Violation(
            f"writer: the reader of a Google bucket gets {role}",
            WRITERS,
            role,
            GCS_GRANT,
            put("role", role),
            lambda grant: grant.name == "reader-0",
            GOOGLE,
        )
        for role in (
            "roles/storage.objectAdmin",
            "roles/storage.objectUser",
            "roles/storage.objectCreator",
            "roles/storage.legacyBucketWriter",
            "roles/storage.admin",
            "projects/artifact-edge-prod/roles/anything",
        )
    ],
]
