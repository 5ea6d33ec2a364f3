"""Tests the doctor's checks of an AWS account. The doctor is a command that checks accounts before a deployment. The
tests use moto's account, and create the resources that a stack needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from doctor import aws
from doctor.finding import Finding
from stacks.config import Stack, load
from tests.support.stacks import first_up, stack_config

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
SECRETS = ("shield", "edge", "metadata-api", "npm-signing", "edge-kv", "purge-signing")


class Account:
    """Provides boto3 clients for an AWS account that moto emulates. moto has no service quotas and no concurrency
    limit, so this class answers the queries for them itself, with values that tests can change.
    """

    def __init__(self) -> None:
        self.quotas: dict[str, float] = {"L-1216C47A": 64, "L-0263D0A3": 5}
        self.concurrency = 1000
        self.refused = ""

    def client(self, service: str, region: str) -> Any:
        if service == "service-quotas":
            return self
        if service == "lambda":
            return self
        return cast(Any, boto3).client(service, region_name=region)

    def get_service_quota(self, ServiceCode: str, QuotaCode: str) -> Mapping[str, Any]:
        if self.refused:
            raise ClientError({"Error": {"Code": self.refused, "Message": ""}}, "GetServiceQuota")
        return {"Quota": {"Value": self.quotas[QuotaCode]}}

    def get_account_settings(self) -> Mapping[str, Any]:
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.concurrency}}


@pytest.fixture
def account(aws_cloud: None) -> Iterator[Account]:
    made = Account()
    iam, manager = made.client("iam", "us-east-1"), made.client("secretsmanager", "us-east-1")
    iam.create_policy(PolicyName="artifact-edge-bootstrap-dev-boundary", PolicyDocument=POLICY)
    for name in SECRETS:
        manager.create_secret(Name=f"artifact-edge/dev/{name}", SecretString="{}")
    yield made


def dev(**changes: Any) -> Stack:
    changed = {f"artifact-edge:{key}": json.dumps(value) for key, value in changes.items()}
    return load("dev", {**stack_config("dev"), "gcp:project": "example-project", **changed})


def problems(stack: Stack, account: Account) -> list[Finding]:
    return [finding for finding in aws.check(stack, account.client) if finding.is_problem]


def test_an_account_with_all_that_a_stack_needs_has_no_problem(account: Account) -> None:
    found = list(aws.check(dev(), account.client))
    assert [finding.line() for finding in found if finding.is_problem] == []
    assert {finding.subject for finding in found} >= {
        "AWS credentials",
        "AWS regions",
        "bucket artifact-edge-dev-example-us-east-1",
        "quota of virtual CPUs in us-east-1",
        "secret artifact-edge/dev/edge",
    }


def test_an_environment_without_credentials_is_the_only_problem(account: Account) -> None:
    def client(service: str, region: str) -> Any:
        raise NoCredentialsError

    (found,) = aws.check(dev(), client)
    assert found.line().startswith("FAIL  AWS credentials: Unable to locate credentials; log in")


def test_a_missing_secret_names_the_command_that_writes_it(account: Account) -> None:
    account.client("secretsmanager", "us-east-1").delete_secret(
        SecretId="artifact-edge/dev/purge-signing", ForceDeleteWithoutRecovery=True
    )
    (found,) = problems(dev(), account)
    assert found.subject == "secret artifact-edge/dev/purge-signing"
    assert found.fix == (
        "run: python -m registry keys init --environment dev --domain dev.artifact-edge.example --region us-east-1"
    )


def test_a_secret_of_shields_without_a_replica_in_their_region_is_a_problem(account: Account) -> None:
    shields = [{"cloud": "aws", "region": "eu-west-1", "machine_type": "i4i.large", "nodes": 1}]
    (found,) = problems(dev(shields=shields), account)
    assert found.line() == (
        "FAIL  secret artifact-edge/dev/shield: has no current replica in eu-west-1; run: python -m registry keys init"
        " --environment dev --domain dev.artifact-edge.example --region us-east-1 --replica eu-west-1"
    )
    account.client("secretsmanager", "us-east-1").replicate_secret_to_regions(
        SecretId="artifact-edge/dev/shield", AddReplicaRegions=[{"Region": "eu-west-1"}]
    )
    assert problems(dev(shields=shields), account) == []


def test_a_secret_of_own_pops_without_a_replica_in_their_region_is_a_problem(account: Account) -> None:
    stack = dev(pops=[{"region": "eu-west-1", "machine_type": "i4i.large", "nodes": 1}])
    assert [found.subject for found in problems(stack, account)] == [
        f"secret artifact-edge/dev/{name}" for name in ("edge", "metadata-api", "purge-signing")
    ]
    assert problems(stack, account)[0].line().endswith("--region us-east-1 --pop-replica eu-west-1")
    for name in ("edge", "metadata-api", "purge-signing"):
        account.client("secretsmanager", "us-east-1").replicate_secret_to_regions(
            SecretId=f"artifact-edge/dev/{name}", AddReplicaRegions=[{"Region": "eu-west-1"}]
        )
    assert problems(stack, account) == []


@pytest.mark.parametrize(
    ("arn", "found"),
    [
        ("arn:aws:iam::123456789012:policy/missing", "NoSuchEntity"),
        ("arn:aws:iam::210987654321:policy/boundary", "belongs to another account than 123456789012"),
    ],
)
def test_a_permissions_boundary_that_cannot_be_used_is_named(account: Account, arn: str, found: str) -> None:
    values = {**stack_config("dev"), "artifact-edge:permissions_boundary": arn}
    (problem,) = problems(load("dev", values), account)
    assert (problem.subject, problem.found) == (f"permissions boundary {arn}", found)


def test_a_bucket_name_of_another_account_is_a_problem(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    class S3:
        def head_bucket(self, Bucket: str) -> None:
            response: Any = {"Error": {"Code": "403", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 403}}
            raise ClientError(response, "HeadBucket")

    def client(service: str, region: str) -> Any:
        return S3() if service == "s3" else account.client(service, region)

    (problem,) = [finding for finding in aws.check(dev(), client) if finding.is_problem]
    assert problem.line() == (
        "FAIL  bucket artifact-edge-dev-example-us-east-1: S3 answers 403; choose another artifact-edge:name"
    )


def test_quotas_below_the_need_of_the_stack_name_the_request(account: Account) -> None:
    account.quotas = {"L-1216C47A": 5, "L-0263D0A3": 2}
    shields = [{"cloud": "aws", "region": "us-east-1", "machine_type": "i4g.large", "nodes": 3}]
    cpus, addresses = problems(dev(shields=shields), account)
    assert cpus.found == "5, and the stack uses 6"
    assert addresses.found == "2, and the stack uses 3"
    assert addresses.fix.endswith("--region us-east-1 --service-code ec2 --quota-code L-0263D0A3 --desired-value 3")


def test_the_machines_of_own_pops_count_in_their_region(account: Account) -> None:
    account.quotas = {"L-1216C47A": 1000, "L-0263D0A3": 2}
    shields = [{"cloud": "aws", "region": "us-east-1", "machine_type": "i4g.large", "nodes": 1}]
    pops = [{"region": "us-east-1", "machine_type": "i4i.large", "nodes": 2}]
    (addresses,) = problems(dev(shields=shields, pops=pops), account)
    assert addresses.found == "2, and the stack uses 3"


def test_machines_on_google_cloud_are_no_machines_on_aws(account: Account) -> None:
    stack = dev(pops=[{"cloud": "gcp", "region": "europe-west4", "machine_type": "n2-standard-2", "nodes": 2}])
    assert [finding.line() for finding in aws.check(stack, account.client) if "europe-west4" in finding.line()] == []


def test_a_quota_that_the_role_may_not_read_is_no_success(account: Account) -> None:
    account.refused = "AccessDeniedException"
    assert {finding.found for finding in problems(dev(), account)} == {"AccessDeniedException"}


@pytest.mark.parametrize(("concurrency", "is_problem"), [(10, True), (110, True), (111, False)])
def test_the_concurrency_of_a_new_account_is_a_problem(account: Account, concurrency: int, is_problem: bool) -> None:
    account.concurrency = concurrency
    assert [finding.subject for finding in problems(dev(), account)] == (
        ["concurrency of Lambda functions in us-east-1"] if is_problem else []
    )


def test_a_region_that_the_account_did_not_enable_is_named(account: Account) -> None:
    shields = [{"cloud": "aws", "region": "me-central-1", "machine_type": "i4i.large", "nodes": 1}]
    problem, _ = problems(dev(shields=shields), account)
    assert problem.subject == "AWS region me-central-1"
    assert "aws account enable-region --region-name me-central-1" in problem.fix


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_the_reserved_concurrency_is_that_of_the_functions(environment: str) -> None:
    functions = [each for each in first_up(environment).resources if each.type == "aws:lambda/function:Function"]
    reserved = [each.inputs.get("reservedConcurrentExecutions", 0) for each in functions]
    stack = load(environment, stack_config(environment))
    assert sum(number for number in reserved if number > 0) == aws.reserved_concurrency(stack)
