"""Cases of rights."""

from __future__ import annotations

from tests.policies.cases.parts import ROLE, Case, allow, document
from tests.policies.resources import resource

CASES = [
    Case(
        "no-unlimited-rights",
        [resource("aws:iam/rolePolicy:RolePolicy", {"policy": document(allow(action="s3:*", target="*"))})],
        "allows s3:* on everything",
    ),
    Case(
        "no-unlimited-rights",
        [resource(ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]})],
        "AdministratorAccess is attached",
    ),
    Case("no-unlimited-rights", [resource("gcp:projects/iAMMember:IAMMember", {"role": "roles/owner"})], "roles/owner"),
    Case(
        "no-unlimited-rights",
        [
            resource("aws:iam/rolePolicy:RolePolicy", {"policy": document(allow(action="s3:GetObject"))}),
            resource(
                "aws:iam/rolePolicy:RolePolicy", {"policy": document(allow(action="s3:ListAllMyBuckets", target="*"))}
            ),
        ],
    ),
    Case(
        "role-trusts-somebody",
        [
            resource(
                ROLE, {"assumeRolePolicy": document({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})}
            )
        ],
        "lets everybody take on the role",
    ),
    Case(
        "role-trusts-somebody",
        [
            resource(
                ROLE,
                {
                    "assumeRolePolicy": document(
                        {
                            "Effect": "Allow",
                            "Principal": {"Federated": "accounts.google.com"},
                            "Action": "sts:AssumeRoleWithWebIdentity",
                            "Condition": {"StringEquals": {"accounts.google.com:aud": "x"}},
                        }
                    )
                },
            )
        ],
        "whom the identity provider knows",
    ),
    Case(
        "role-trusts-somebody",
        [
            resource(
                ROLE,
                {
                    "assumeRolePolicy": document(
                        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"},
                        {"Effect": "Deny", "Principal": {"Federated": "accounts.google.com"}, "Action": "sts:*"},
                        {
                            "Effect": "Allow",
                            "Principal": {"Federated": "accounts.google.com"},
                            "Action": "sts:AssumeRoleWithWebIdentity",
                            "Condition": {"StringEquals": {"accounts.google.com:sub": "1"}},
                        },
                    )
                },
            )
        ],
    ),
    Case("no-lasting-keys", [resource("aws:iam/accessKey:AccessKey", {"user": "x"})], "is a key that lasts"),
    Case("no-lasting-keys", [resource(ROLE, {})]),
]
