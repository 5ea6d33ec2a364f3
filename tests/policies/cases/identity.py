"""Test cases for the policies on IAM permissions."""

from __future__ import annotations

from pulumi_policy import PolicyResource

from policies.rules.principals import WORKLOAD_IDENTITY_PROVIDER
from tests.policies.cases.parts import ROLE, Case, allow, document
from tests.policies.resources import resource

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
BELL = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:*"

_GITHUB = "https://token.actions.githubusercontent.com"


def _trusting_github(condition: str | None = None) -> PolicyResource:
    """Returns a workload identity provider that accepts tokens of GitHub. `condition` is its attribute condition, which
    restricts the accepted tokens.
    """
    given = {} if condition is None else {"attributeCondition": condition}
    return resource(WORKLOAD_IDENTITY_PROVIDER, {"oidc": {"issuerUri": _GITHUB}, **given})


CASES = [
    *[
        Case("aws-iam-managed-policies-allowed", [resource(token, {name: arns})], "ReadOnlyAccess is attached")
        for token, name, arns in (
            (ROLE, "managedPolicyArns", [READ_ONLY]),
            ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "policyArn", READ_ONLY),
        )
    ],
    Case(
        "aws-iam-managed-policies-allowed",
        [resource(ROLE, {"managedPolicyArns": [READ_ONLY]}), resource(ROLE, {})],
        config={"policies": ["arn:aws:iam::aws:policy/ReadOnly*"]},
    ),
    Case(
        "aws-iam-managed-policies-allowed",
        [
            resource("aws:iam/policy:Policy", {"arn": "arn:aws:iam::123456789012:policy/x"}),
            resource(ROLE, {"managedPolicyArns": ["arn:aws:iam::123456789012:policy/x"]}),
        ],
    ),
    Case(
        "multi-iam-no-full-access",
        [resource(ROLE_POLICY, {"policy": document(allow(action="ec2:*", target="*"))})],
        config={"services": ["ec2"]},
    ),
    Case(
        "multi-iam-no-full-access",
        [resource("aws:iam/rolePolicy:RolePolicy", {"policy": document(allow(action="s3:*", target="*"))})],
        "allows s3:* on everything",
    ),
    Case(
        "multi-iam-no-full-access",
        [resource(ROLE, {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]})],
        "AdministratorAccess is attached",
    ),
    Case(
        "multi-iam-no-full-access",
        [resource("gcp:projects/iAMMember:IAMMember", {"role": "roles/owner"})],
        "roles/owner",
    ),
    Case(
        "multi-iam-no-full-access",
        [
            resource("aws:iam/rolePolicy:RolePolicy", {"policy": document(allow(action="s3:GetObject"))}),
            resource(
                "aws:iam/rolePolicy:RolePolicy", {"policy": document(allow(action="s3:ListAllMyBuckets", target="*"))}
            ),
        ],
    ),
    Case(
        "aws-iam-role-trust-restricted",
        [
            resource(
                ROLE, {"assumeRolePolicy": document({"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"})}
            )
        ],
        "lets everybody assume the role",
    ),
    Case(
        "aws-iam-role-trust-restricted",
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
        "every identity of the identity provider",
    ),
    Case(
        "aws-iam-role-trust-restricted",
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
    Case(
        "multi-iam-no-long-lived-keys",
        [resource("aws:iam/accessKey:AccessKey", {"user": "x"})],
        "is a key that does not expire",
    ),
    Case("multi-iam-no-long-lived-keys", [resource(ROLE, {})]),
    *[
        Case("aws-iam-permissions-name-resources", [resource(ROLE_POLICY, {"policy": document(statement)})], says)
        for statement, says in (
            (allow(action=["s3:GetObject", "s3:PutObject"], target="*"), "s3:GetObject, s3:PutObject is allowed"),
            (allow(action=["ec2:DescribeTags", "ec2:StopInstances"], target=["*"]), "ec2:StopInstances is allowed"),
            ({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "x"}, "s3:GetObject is allowed"),
            ({"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}, "all but some actions is allowed"),
        )
    ],
    Case(
        "aws-iam-permissions-name-resources",
        [resource(ROLE, {"inlinePolicies": [{"policy": document(allow(action="s3:GetObject", target="*"))}]})],
        "s3:GetObject is allowed on everything",
    ),
    Case(
        "aws-iam-permissions-name-resources",
        [
            resource(ROLE_POLICY, {"policy": document(allow(), allow(action="cloudwatch:PutMetricData", target="*"))}),
            resource(ROLE_POLICY, {"policy": document({"Effect": "Deny", "Action": "*", "Resource": "*"})}),
        ],
    ),
    Case(
        "aws-iam-permissions-name-resources",
        [resource(ROLE_POLICY, {"policy": document(allow(action="ce:GetCostAndUsage", target="*"))})],
        config={"actions": ["ce:Get*"]},
    ),
    *[
        Case(
            "aws-iam-no-privilege-escalation",
            [resource(ROLE_POLICY, {"policy": document(allow(action=action, target=on))})],
            says,
        )
        for action, on, says in (
            ("iam:PutRolePolicy", "arn:aws:iam::1:role/x", "iam:PutRolePolicy is allowed"),
            ("iam:Attach*", "arn:aws:iam::1:role/x", "iam:Attach* is allowed"),
            ("IAM:PassRole", "*", "IAM:PassRole is allowed"),
            ("iam:PassRole", "arn:aws:iam::1:role/*", "iam:PassRole is allowed"),
        )
    ],
    Case(
        "aws-iam-no-privilege-escalation",
        [resource(ROLE_POLICY, {"policy": document({"Effect": "Allow", "NotAction": "s3:*", "Resource": "x"})})],
        "all but some actions is allowed",
    ),
    Case(
        "aws-iam-no-privilege-escalation",
        [
            resource(
                ROLE_POLICY,
                {
                    "policy": document(
                        allow(action=["iam:PassRole", "iam:GetRole"], target="arn:aws:iam::1:role/x"),
                        {"Effect": "Deny", "Action": "iam:*", "Resource": "*"},
                    )
                },
            )
        ],
    ),
    *[
        Case(
            "aws-iam-resource-policies-name-principals",
            [resource(token, {"policy": document(allow("*"))})],
            "to everybody",
        )
        for token in ("aws:kms/key:Key", "aws:sqs/queuePolicy:QueuePolicy", "aws:sns/topicPolicy:TopicPolicy")
    ],
    Case(
        "aws-iam-resource-policies-name-principals",
        [
            resource("aws:kms/key:Key", {}),
            resource("aws:kms/key:Key", {"policy": document(allow({"AWS": "arn:aws:iam::1:root"}, "kms:*", "*"))}),
            resource(
                "aws:sns/topic:Topic",
                {"policy": document(allow("*", "sns:Publish", Condition={"ArnLike": {"aws:SourceArn": BELL}}))},
            ),
        ],
    ),
    Case(
        "gcp-iam-grants-not-public",
        [resource("gcp:projects/iAMBinding:IAMBinding", {"role": "roles/viewer", "members": ["allUsers"]})],
        "roles/viewer is granted to allUsers",
    ),
    Case(
        "gcp-iam-grants-not-public",
        [
            resource(
                "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
                {"role": "roles/cloudkms.viewer", "member": "allAuthenticatedUsers"},
            )
        ],
        "granted to allAuthenticatedUsers",
    ),
    Case(
        "gcp-iam-grants-not-public",
        [resource("gcp:projects/iAMMember:IAMMember", {"role": "roles/viewer", "member": "group:x@y"})],
    ),
    Case("gcp-iam-grants-not-public", [_trusting_github()], f"it admits every token of {_GITHUB}"),
    Case("gcp-iam-grants-not-public", [_trusting_github("true")], f"it admits every token of {_GITHUB}"),
    Case("gcp-iam-grants-not-public", [_trusting_github("assertion.repository_id == '456789'")]),
]
