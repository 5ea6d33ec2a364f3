"""Tests the bootstrap program, which creates the bucket for the Pulumi state and the deploy roles.

The tests run the program and read the resources from the emulated AWS. They also run the policies on these resources.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from emulation.providers.aws import handlers
from emulation.providers.aws.clients import client
from tests.policies.graph import as_policies_see_it
from tests.policies.resources import NAMES, findings
from tests.policies.resources import settings as policy_settings
from tests.support.bootstrap_stack import BUCKET, bootstrap_up, first_bootstrap_up, role_statements
from tests.support.service_authorization import needs_any_resource

ACCOUNT = "123456789012"
# The subject claim in the OpenID Connect tokens of GitHub workflows. Repositories that were created or renamed since
# 2026-07-15 have this form of the claim (GitHub Docs, "OpenID Connect reference": Immutable subject claims).
IMMUTABLE = "repo:acme@123456/artifact-edge@456789"


@pytest.mark.usefixtures("aws_cloud")
def test_the_state_is_versioned_encrypted_with_its_own_key_private_and_over_tls_only() -> None:
    bootstrap_up()
    s3 = client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    key = rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    assert client("kms").describe_key(KeyId="alias/artifact-edge-state")["KeyMetadata"]["Arn"] == key
    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    assert s3.get_bucket_logging(Bucket=BUCKET)["LoggingEnabled"]["TargetBucket"] == f"{BUCKET}-logs"
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Deny"}


@pytest.mark.usefixtures("aws_cloud")
def test_only_jobs_of_its_github_environment_can_assume_a_role() -> None:
    bootstrap_up()
    for name, subject in (("dev-deploy", "dev"), ("prod-deploy", "prod"), ("prod-drift", "prod-drift")):
        role = client("iam").get_role(RoleName=f"artifact-edge-bootstrap-{name}")["Role"]
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        issuer = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
        assert statement["Principal"] == {"Federated": issuer}
        assert statement["Condition"] == {
            "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": [f"{IMMUTABLE}:environment:{subject}"],
            }
        }
        assert role["MaxSessionDuration"] == 7200


@pytest.mark.usefixtures("aws_cloud")
def test_a_role_also_trusts_the_subject_without_ids_if_the_config_says_so() -> None:
    bootstrap_up(trust_subject_without_ids="true")
    role = client("iam").get_role(RoleName="artifact-edge-bootstrap-prod-drift")["Role"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"] == [
        f"{IMMUTABLE}:environment:prod-drift",
        "repo:acme/artifact-edge:environment:prod-drift",
    ]


def test_the_drift_role_can_change_nothing() -> None:
    writing = ("Create", "Delete", "Put", "Update", "*", "Run", "Encrypt", "Generate", "Tag", "PassRole", "Add")
    for statement in role_statements("artifact-edge-bootstrap-prod-drift"):
        for action in statement["Action"]:
            assert not action.split(":")[1].startswith(writing), action
            assert not action.endswith(("s3:GetObject*", "dynamodb:GetItem", "dynamodb:Query")), action


def test_a_role_reaches_the_state_of_its_own_environment_and_no_other() -> None:
    for purpose in ("deploy", "drift"):
        statements = role_statements(f"artifact-edge-bootstrap-prod-{purpose}")
        objects = [each for each in statements if any(BUCKET in resource for resource in each["Resource"])]
        reached = {resource for each in objects for resource in each["Resource"]}
        assert reached == {f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/prod/*"}
        (listing,) = [each for each in objects if each["Action"] == ["s3:ListBucket"]]
        assert listing["Condition"] == {"StringLike": {"s3:prefix": ["prod/*", "prod"]}}
        may_write = any("s3:PutObject" in each["Action"] for each in objects)
        assert may_write is (purpose == "deploy")


def test_the_deploy_role_is_limited_to_the_environments_names() -> None:
    for statement in role_statements("artifact-edge-bootstrap-dev-deploy"):
        assert "*" not in statement["Resource"] or all(needs_any_resource(each) for each in statement["Action"])
        for resource in statement["Resource"]:
            # AWS itself chooses the names of service-linked roles. The names therefore do not contain the environment's
            # name. tests/unit/permissions/test_policy_documents.py checks the permissions for these roles.
            if ":role/aws-service-role/" in resource:
                continue
            service = resource.split(":")[2] if resource != "*" else ""
            if service in ("iam", "s3", "dynamodb", "sns", "sqs", "events") and BUCKET not in resource:
                assert "artifact-edge-dev-" in resource, resource
            assert "artifact-edge-prod" not in resource
            assert "artifact-edge-bootstrap" not in resource


def test_the_values_for_pulumi_and_github_are_exported() -> None:
    outputs: Mapping[str, Any] = first_bootstrap_up().outputs
    assert outputs["backends"]["prod"] == f"s3://{BUCKET}/prod?region=us-east-1"
    assert outputs["secrets_provider"] == "awskms://alias/artifact-edge-state?region=us-east-1"
    assert outputs["deploy_roles"]["dev"] == f"arn:aws:iam::{ACCOUNT}:role/artifact-edge-bootstrap-dev-deploy"
    assert outputs["drift_roles"]["prod"] == f"arn:aws:iam::{ACCOUNT}:role/artifact-edge-bootstrap-prod-drift"


def test_the_program_meets_the_policies_with_its_settings() -> None:
    deployment = first_bootstrap_up()
    registered = as_policies_see_it(deployment)
    given = policy_settings("bootstrap")
    off = {name for name, value in given.items() if value["enforcementLevel"] == "disabled"}
    found = {name: findings(name, registered, given.get(name)) for name in NAMES if name not in off}
    assert {name: value for name, value in found.items() if value} == {}
    assert {each.type for each in deployment.resources if each.protect} == {"aws:s3/bucket:Bucket", "aws:kms/key:Key"}


@pytest.mark.usefixtures("aws_cloud")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bucket": "No"}, "bucket: 'No' is not a bucket's name: 3 to 58 of a-z, 0-9 and -"),
        ({"repository": "acme"}, "repository: 'acme' is not a GitHub repository: owner/name"),
        (
            {"owner_id": "acme"},
            "owner_id: 'acme' is not the ID of a GitHub account, from `gh api repos/acme/artifact-edge`",
        ),
        ({"repository_id": "*"}, "repository_id: '\\*' is not the ID of a GitHub repository, from `gh api repos/"),
        ({"environments": '["Prod"]'}, "environments: 'Prod' is not a stack's name"),
        (
            {"environments": '["dev", "prod", "prod-eu"]'},
            "environments: the roles of 'prod' could change the resources of 'prod-eu', whose names begin the same way",
        ),
        (
            {"environments": '["production"]', "google_project": "acme-edge"},
            "environments: 'production' is not a stack's name of at most 9 characters",
        ),
        ({"google_project": "Acme"}, "google_project: 'Acme' is not the ID of a Google Cloud project"),
    ],
)
def test_a_mistake_is_one_line(changes: dict[str, str], message: str) -> None:
    with pytest.raises(pulumi.RunError, match=f"artifact-edge-bootstrap:{message}"):
        bootstrap_up(None, **changes)


@pytest.mark.usefixtures("aws_cloud")
def test_a_refresh_of_the_log_bucket_finds_no_drift() -> None:
    made = bootstrap_up().of(aws.s3.BucketServerSideEncryptionConfiguration)["logs"]
    settings_of_it = next(
        each for each in handlers() if each.resource is aws.s3.BucketServerSideEncryptionConfiguration
    )
    found = settings_of_it.read(f"{BUCKET}-logs", dict(made.outputs))
    assert found is not None
    assert found["rules"] == made.inputs["rules"]
