"""Harmful changes that let strangers assume a stack's IAM role, or give a role more permissions than its work needs.
Tests make each change, and a policy must report it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.policies.mutations import Change
from tests.policies.mutations.changes import add_resource, also_allow, put, without
from tests.policies.violations import Violation
from tests.support.harness import Registered

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
PERMISSION = "aws:lambda/permission:Permission"
OWN = "123456789012"
OTHER = "210987654321"


def trust(action: str = "sts:AssumeRole", **statement: Any) -> Change:
    return also_allow("assumeRolePolicy", Action=action, **statement)


def of_role(suffix: str) -> Callable[[Registered], bool]:
    return lambda policy: policy.inputs["role"].endswith(suffix) and policy.name != "origin-ways"


VIOLATIONS = [
    Violation(
        "role: workflows of another owner's GitHub repository may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in",
        ROLE,
        trust(
            "sts:AssumeRoleWithWebIdentity",
            Principal={"Federated": f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"},
            Condition={
                "StringEquals": {"token.actions.githubusercontent.com:sub": "repo:stranger/x:ref:refs/heads/main"}
            },
        ),
    ),
    Violation(
        "role: workflows of all GitHub repositories of an owner may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in",
        ROLE,
        trust(
            "sts:AssumeRoleWithWebIdentity",
            Principal={"Federated": f"arn:aws:iam::{OWN}:oidc-provider/token.actions.githubusercontent.com"},
            Condition={"StringLike": {"token.actions.githubusercontent.com:sub": "repo:example/*"}},
        ),
    ),
    Violation(
        "role: all identities of a Cognito pool may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in cognito-identity.amazonaws.com, which is no",
        ROLE,
        trust(
            "sts:AssumeRoleWithWebIdentity",
            Principal={"Federated": "cognito-identity.amazonaws.com"},
            Condition={"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:1"}},
        ),
    ),
    Violation(
        "role: an identity of Login with Amazon may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in www.amazon.com, which is no provider of the",
        ROLE,
        trust(
            "sts:AssumeRoleWithWebIdentity",
            Principal={"Federated": "www.amazon.com"},
            Condition={"StringEquals": {"www.amazon.com:sub": "amzn1.account.X"}},
        ),
    ),
    Violation(
        "role: all identities of a SAML provider may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in arn:aws:iam::123456789012:saml-provider/corp,",
        ROLE,
        trust(
            "sts:AssumeRoleWithSAML",
            Principal={"Federated": f"arn:aws:iam::{OWN}:saml-provider/corp"},
            Condition={"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
        ),
    ),
    Violation(
        "role: the service CodeBuild may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in codebuild.amazonaws.com, which is no provider of",
        ROLE,
        trust(Principal={"Service": "codebuild.amazonaws.com"}),
    ),
    Violation(
        "role: the service Systems Manager may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in ssm.amazonaws.com, which is no provider of the",
        ROLE,
        trust(Principal={"Service": "ssm.amazonaws.com"}),
    ),
    Violation(
        "role: every principal of our own account may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in every principal of arn:aws:iam::123456789012:root",
        ROLE,
        trust(Principal={"AWS": f"arn:aws:iam::{OWN}:root"}),
    ),
    Violation(
        "role: ten accounts, named by a wildcard, may assume it",
        "aws-iam-role-trust-providers-known",
        "statement 1 lets in every principal of arn:aws:iam::12345678901?:root",
        ROLE,
        trust(Principal={"AWS": "arn:aws:iam::12345678901?:root"}),
    ),
    Violation(
        "role: a list of principals contains a role of another account",
        "aws-iam-principals-in-own-accounts",
        "it lets in arn:aws:iam::210987654321:role/artifact-edge-prod-shield,",
        ROLE,
        trust(
            Principal={"AWS": [f"arn:aws:iam::{OWN}:role/x", f"arn:aws:iam::{OTHER}:role/artifact-edge-prod-shield"]}
        ),
    ),
    Violation(
        "role: everybody except one account may assume it",
        "aws-iam-role-trust-restricted",
        "statement 1 lets everybody assume the role",
        ROLE,
        trust(NotPrincipal={"AWS": f"arn:aws:iam::{OTHER}:root"}),
    ),
    Violation(
        "role: it has no permissions boundary",
        "aws-iam-role-boundary-own",
        "it has no permissions boundary, although other roles have one",
        ROLE,
        without("permissionsBoundary"),
    ),
    Violation(
        "role: its permissions boundary is AdministratorAccess",
        "aws-iam-role-boundary-own",
        "its boundary arn:aws:iam::aws:policy/AdministratorAccess belongs to",
        ROLE,
        put("permissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess"),
    ),
    Violation(
        "role: an inline policy lets it delete the metadata table",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-example-replication may dynamodb:DeleteTable",
        ROLE,
        put(
            "inlinePolicies",
            [
                {
                    "name": "x",
                    "policy": json.dumps(
                        {
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": "dynamodb:DeleteTable",
                                    "Resource": f"arn:aws:dynamodb:us-east-1:{OWN}:table/artifact-edge-prod-metadata",
                                }
                            ]
                        }
                    ),
                }
            ],
        ),
    ),
    Violation(
        "function: S3 may invoke it on behalf of any account",
        "multi-function-callers-named",
        "its source * can be in any account",
        PERMISSION,
        add_resource(
            PERMISSION,
            action="lambda:InvokeFunction",
            function="artifact-edge-prod-drain",
            principal="s3.amazonaws.com",
            sourceArn="*",
        ),
    ),
    Violation(
        "function: EventBridge rules of any account may invoke it",
        "multi-function-callers-named",
        "its source arn:aws:events:*:*:rule/* can be in any account",
        PERMISSION,
        add_resource(
            PERMISSION,
            action="lambda:InvokeFunction",
            function="artifact-edge-prod-drain",
            principal="events.amazonaws.com",
            sourceArn="arn:aws:events:*:*:rule/*",
        ),
    ),
    Violation(
        "function: SNS may invoke it on behalf of another account",
        "aws-iam-principals-in-own-accounts",
        "it lets in 210987654321, which is not in the accounts 123456789012",
        PERMISSION,
        add_resource(
            PERMISSION,
            action="lambda:InvokeFunction",
            function="artifact-edge-prod-drain",
            principal="sns.amazonaws.com",
            sourceAccount=OTHER,
        ),
    ),
    Violation(
        "function: all members of any organization may invoke it",
        "aws-iam-principals-in-own-accounts",
        "it lets in o-*, which is not in the accounts 123456789012",
        PERMISSION,
        add_resource(
            PERMISSION,
            action="lambda:InvokeFunction",
            function="artifact-edge-prod-drain",
            principal="*",
            principalOrgId="o-*",
        ),
    ),
    Violation(
        "function: everybody may change the function of the metadata API",
        "multi-function-callers-named",
        "it allows lambda:*, which does more than invoke",
        PERMISSION,
        add_resource(
            PERMISSION,
            action="lambda:*",
            function="artifact-edge-prod-metadata-api",
            principal="*",
            invokedViaFunctionUrl=True,
        ),
    ),
    Violation(
        "role: the managed policy AWSKeyManagementServicePowerUser is attached",
        "aws-iam-managed-policies-allowed",
        "arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser is attached",
        ROLE,
        add_resource(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            depends="role",
            role="x",
            policyArn="arn:aws:iam::aws:policy/AWSKeyManagementServicePowerUser",
        ),
    ),
    Violation(
        "permissions: the shields' role may read objects of all environments",
        "aws-iam-resources-of-environment",
        "arn:aws:s3:::artifact-edge-*/* is not only in the environment prod",
        ROLE_POLICY,
        also_allow("policy", Action="s3:GetObject", Resource="arn:aws:s3:::artifact-edge-*/*"),
        of_role("shield"),
    ),
    Violation(
        "permissions: the shields' role may read objects of the environment staging",
        "aws-iam-resources-of-environment",
        "arn:aws:s3:::artifact-edge-staging-example-us-east-1/* is not only in",
        ROLE_POLICY,
        also_allow("policy", Action="s3:GetObject", Resource="arn:aws:s3:::artifact-edge-staging-example-us-east-1/*"),
        of_role("shield"),
    ),
    Violation(
        "permissions: the outbox relay's role may write to a bucket outside the stack",
        "aws-iam-resources-of-environment",
        "arn:aws:s3:::stranger/* is not only in the environment prod",
        ROLE_POLICY,
        also_allow("policy", Action="s3:PutObject", Resource="arn:aws:s3:::stranger/*"),
        of_role("drain"),
    ),
    Violation(
        "permissions: the metadata API's role may read tables of all environments",
        "aws-iam-resources-of-environment",
        "arn:aws:dynamodb:*:123456789012:table/artifact-edge-* is not only in",
        ROLE_POLICY,
        also_allow("policy", Action="dynamodb:GetItem", Resource=f"arn:aws:dynamodb:*:{OWN}:table/artifact-edge-*"),
        of_role("metadata-api"),
    ),
    Violation(
        "permissions: the metadata API's role may scan the metadata table",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-metadata-api may dynamodb:Scan",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="dynamodb:Scan",
            Resource=f"arn:aws:dynamodb:us-east-1:{OWN}:table/artifact-edge-prod-metadata",
        ),
        of_role("metadata-api"),
    ),
    Violation(
        "permissions: the metadata API's role may delete the metadata table",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-metadata-api may dynamodb:DeleteTable",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="dynamodb:DeleteTable",
            Resource=f"arn:aws:dynamodb:us-east-1:{OWN}:table/artifact-edge-prod-metadata",
        ),
        of_role("metadata-api"),
    ),
    Violation(
        "permissions: the metadata API's role may do everything with the metadata table",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-metadata-api may dynamodb:*",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="dynamodb:*",
            Resource=f"arn:aws:dynamodb:us-east-1:{OWN}:table/artifact-edge-prod-metadata",
        ),
        of_role("metadata-api"),
    ),
    Violation(
        "permissions: the outbox relay's role may turn off backups of the metadata table",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-drain may dynamodb:UpdateContinuousBackups",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="dynamodb:UpdateContinuousBackups",
            Resource=f"arn:aws:dynamodb:us-east-1:{OWN}:table/artifact-edge-prod-metadata",
        ),
        of_role("drain"),
    ),
    Violation(
        "permissions: the metadata API's role may write items",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-metadata-api may dynamodb:PutItem",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="dynamodb:PutItem",
            Resource=f"arn:aws:dynamodb:us-east-1:{OWN}:table/artifact-edge-prod-metadata",
        ),
        of_role("metadata-api"),
    ),
    Violation(
        "permissions: the outbox relay's role may delete a KMS key",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-drain may kms:ScheduleKeyDeletion",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="kms:ScheduleKeyDeletion",
            Resource=f"arn:aws:kms:us-east-1:{OWN}:key/mrk-5aaa80d1-3011-476d-ab5d-9c7f08a09ae4",
        ),
        of_role("drain"),
    ),
    Violation(
        "permissions: the shields' role may create grants on a KMS key",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-shield may kms:CreateGrant",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="kms:CreateGrant",
            Resource=f"arn:aws:kms:us-east-1:{OWN}:key/mrk-5aaa80d1-3011-476d-ab5d-9c7f08a09ae4",
        ),
        of_role("shield"),
    ),
    Violation(
        "permissions: the outbox relay's role may decrypt with a key of another account",
        "aws-iam-resources-of-environment",
        "arn:aws:kms:us-east-1:210987654321:key/x is in another account",
        ROLE_POLICY,
        also_allow("policy", Action="kms:Decrypt", Resource=f"arn:aws:kms:us-east-1:{OTHER}:key/x"),
        of_role("drain"),
    ),
    Violation(
        "permissions: the shields' role may assume a role of another account",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-shield may sts:AssumeRole",
        ROLE_POLICY,
        also_allow("policy", Action="sts:AssumeRole", Resource=f"arn:aws:iam::{OTHER}:role/x"),
        of_role("shield"),
    ),
    Violation(
        "permissions: the shields' role may change a function's code",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-shield may lambda:UpdateFunctionCode",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="lambda:UpdateFunctionCode",
            Resource=f"arn:aws:lambda:us-east-1:{OWN}:function:artifact-edge-prod-drain",
        ),
        of_role("shield"),
    ),
    Violation(
        "permissions: the shields' role may delete alarms",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-shield may cloudwatch:DeleteAlarms",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="cloudwatch:DeleteAlarms",
            Resource=f"arn:aws:cloudwatch:us-east-1:{OWN}:alarm:artifact-edge-prod-edge-down",
        ),
        of_role("shield"),
    ),
    Violation(
        "permissions: the token sync's role may delete the messages of a dead-letter queue",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-entitlements may sqs:PurgeQueue",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="sqs:PurgeQueue",
            Resource=f"arn:aws:sqs:us-east-1:{OWN}:artifact-edge-prod-entitlements-dead",
        ),
        of_role("entitlements"),
    ),
    Violation(
        "permissions: the outbox relay's role may delete its log group",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-drain may logs:DeleteLogGroup",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="logs:DeleteLogGroup",
            Resource=f"arn:aws:logs:us-east-1:{OWN}:log-group:/aws/lambda/artifact-edge-prod-drain:*",
        ),
        of_role("drain"),
    ),
    Violation(
        "permissions: the shields' role may run commands on machines",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-shield may ssm:SendCommand",
        ROLE_POLICY,
        also_allow("policy", Action="ssm:SendCommand", Resource=f"arn:aws:ec2:us-east-1:{OWN}:instance/i-1"),
        of_role("shield"),
    ),
    Violation(
        "permissions: the shields' role may change the DNS record of the clients' hostname",
        "aws-iam-actions-of-role",
        "artifact-edge-prod-shield may route53:ChangeResourceRecordSets",
        ROLE_POLICY,
        also_allow(
            "policy",
            Action="route53:ChangeResourceRecordSets",
            Resource="arn:aws:route53:::hostedzone/FS66S4R7TCJLD191HRGH9T",
        ),
        of_role("shield"),
    ),
]
