"""Tests the AWS resources of the outbox relay, the function that delivers published changes.

The tests run the Pulumi program, and read the result from the emulated Lambda, EventBridge and IAM. A refresh must find
no drift.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError

from contract import revocations
from emulation.lambda_runtime.schedules import schedules
from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError
from infra.blobs import Bucket
from infra.metadata import MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.publishing import DrainArgs
from infra.publishing.drain import Drain, pack_drain
from registry.catalog import outbox
from registry.delivery import quarantine
from registry.ecosystems import npm_search
from registry.ecosystems.images import OciRepository
from registry.ecosystems.npm_keys import NpmKeys
from registry.ecosystems.packument import NpmPackage
from registry.ecosystems.simple import PypiIndex, PypiProject
from registry.metadata import Absent, Always, Delete, Put, Unchanged
from registry.metadata.dynamodb import DynamoDbRepository
from tests.support.harness import Deployment, Registered, deploy
from tests.support.role_credentials import role_credentials

pytestmark = pytest.mark.usefixtures("aws_cloud")

ROOT = Path(__file__).parents[4]
NAME = "artifact-edge-test-drain"
KEY = "arn:aws:kms:us-east-1:123456789012:key/mrk-1"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/artifact-edge-test-metadata"


def up() -> Deployment:
    def program() -> None:
        metadata = DynamoDbMetadata("metadata", MetadataArgs("artifact-edge-test", ["eu-west-1"], protect=False))
        assert metadata.changes
        drain = Drain(
            "drain",
            DrainArgs(
                prefix="artifact-edge-test",
                environment="test",
                url="https://packages.example.com",
                source=metadata.changes,
                bucket=Bucket("origin", "us-east-1", "origin.s3.us-east-1.amazonaws.com"),
                key_arn=KEY,
                account_id="0" * 32,
                namespace_id="n" * 32,
                certificate_expires="2027-06-01T00:00:00+00:00",
                purge_secret_id="test/purge-signing",
                kv_secret_id="test/edge-kv",
                secret_region="us-east-1",
                code=pack_drain(ROOT),
            ),
        )
        pulumi.export("alarms", [alarm.name for alarm in drain.alarms])

    return deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})


def there(service: str) -> Any:
    return client(service, {"region": "eu-west-1"})


def statements() -> dict[str, Any]:
    document = client("iam").get_role_policy(RoleName=NAME, PolicyName="work")["PolicyDocument"]
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_the_function_is_invoked_each_minute_one_at_a_time_and_never_again_for_one_event() -> None:
    up()
    found = there("lambda").get_function(FunctionName=NAME)
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    (schedule,) = schedules(there("events"), there("lambda"), "eu-west-1", pytest.fail)
    assert (schedule.seconds, schedule.retries, schedule.permitted) == (60, 0, True)
    assert schedule.function == found["Configuration"]["FunctionArn"]
    assert found["Configuration"]["Timeout"] < schedule.seconds
    (target,) = there("events").list_targets_by_rule(Rule=NAME)["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}


def test_its_environment_names_secrets_and_contains_none() -> None:
    up()
    variables = there("lambda").get_function(FunctionName=NAME)["Configuration"]["Environment"]["Variables"]
    assert {name: value for name, value in variables.items() if "SECRET" in name} == {
        "PURGE_SECRET_ID": "test/purge-signing",
        "KV_SECRET_ID": "test/edge-kv",
        "SECRET_REGION": "us-east-1",
    }


def allowed(statement: Any, keys: list[str]) -> list[str]:
    resources = [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
    return [key for key in keys if any(fnmatchcase(f"arn:aws:s3:::origin/{key}", each) for each in resources)]


def test_its_role_may_write_the_outbox_whatever_the_condition_and_no_package() -> None:
    up()
    with role_credentials(NAME, set()):
        repository = DynamoDbRepository("artifact-edge-test-metadata", "eu-west-1")
        repository.transact([Put("outbox", "a", {}, Absent()), Put("outbox", "b", {})])
        item = repository.item("outbox", "a")
        assert item is not None
        repository.transact([Put("outbox", "a", {"n": 1}, Unchanged(item.version)), Delete("outbox", "b")])
        for condition, action in ((Absent(), "PutItem"), (Always(), "UpdateItem")):
            with pytest.raises(ClientError, match=f"not authorized to perform: dynamodb:{action} "):
                repository.transact([Put("npm#web", "version#1.0.0", {}, condition)])


def test_it_may_write_documents_but_not_overwrite_published_files() -> None:
    up()
    may = statements()
    assert {sid: statement["Action"] for sid, statement in may.items()} == {
        "ReadFacts": ["dynamodb:GetItem", "dynamodb:Query"],
        "Settle": ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        "List": ["s3:ListBucket"],
        "Read": ["s3:GetObject"],
        "Render": ["s3:PutObject"],
        "Withdraw": ["s3:DeleteObject"],
        "Key": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Measure": ["cloudwatch:PutMetricData"],
        "Secrets": ["secretsmanager:GetSecretValue"],
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
    }
    published = [
        "npm/@acme/web/-/web-1.0.0.tgz",
        "npm/web/attestations/1.0.0.json",
        "pypi/files/a/a-1.0-py3-none-any.whl",
        "oci/manifests/acme/app/sha256/0",
        "oci/blobs/acme/app/sha256/0",
    ]
    rendered = [
        "npm/-/keys.json",
        "npm/-/search.json",
        "npm/@acme/web/packument.json",
        "npm/web/packument.abbreviated.json",
        "pypi/simple/index.html",
        "pypi/simple/a/index.json",
        "oci/tags/acme/app/1.0",
        "oci/taglists/acme/app/list.json",
        "oci/referrers/acme/app/sha256/0.json",
    ]
    moved = [f"quarantine/{key}" for key in published]
    every = [*published, *rendered, *moved]
    assert allowed(may["Render"], every) == [*rendered, *moved]
    assert allowed(may["Withdraw"], every) == [*published, *rendered]
    assert allowed(may["Read"], every) == every
    assert may["Key"]["Resource"] == KEY
    assert may["Key"]["Condition"]["StringEquals"] == {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    assert may["Measure"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": "ArtifactEdge"}}


def test_it_reads_metadata_and_changes_only_its_own_partitions() -> None:
    up()
    may = statements()
    keys = {sid: next(iter(may[sid]["Condition"].values()))["dynamodb:LeadingKeys"] for sid in ("ReadFacts", "Settle")}
    assert keys["Settle"] == [npm_search.PARTITION, outbox.PARTITION, quarantine.PARTITION, revocations.PARTITION]
    packages = [NpmPackage("@acme/web"), NpmKeys(), PypiIndex(), PypiProject("a"), OciRepository("acme/app")]
    facts = [package.partition for package in packages]
    partitions = [npm_search.PARTITION, outbox.PARTITION, quarantine.PARTITION, *facts, "tokens", "audit#2026-11"]
    read = [each for each in partitions if any(fnmatchcase(each, pattern) for pattern in keys["ReadFacts"])]
    assert read == partitions[:-2]
    assert may["ReadFacts"]["Resource"] == may["Settle"]["Resource"] == TABLE


MADE = (
    aws.cloudwatch.EventTarget,
    aws.lambda_.Permission,
    aws.lambda_.FunctionEventInvokeConfig,
    aws.cloudwatch.EventRule,
)


def each(deployment: Deployment) -> list[tuple[Any, Registered]]:
    by_type = {handler.resource: handler for handler in handlers()}
    return [(by_type[kind], made) for kind in MADE for made in deployment.of(kind).values()]


def identity(made: Registered) -> str:
    names = ("statementId", "functionName", "name")
    return next((made.outputs[name] for name in names if name in made.outputs), f"{NAME}-drain")


def test_a_refresh_finds_no_drift() -> None:
    for handler, made in each(up()):
        read = handler.read(identity(made), made.outputs)
        assert {name: read[name] for name in made.inputs} == made.inputs, made.type


def test_a_manual_change_is_drift_and_is_reverted() -> None:
    deployment = up()
    there("events").put_rule(Name=NAME, ScheduleExpression="rate(1 hour)", State="DISABLED")
    there("events").put_targets(Rule=NAME, Targets=[{"Id": "drain", "Arn": "arn:aws:lambda:eu-west-1:1:function:x"}])
    there("lambda").delete_function_event_invoke_config(FunctionName=NAME)
    there("lambda").put_function_event_invoke_config(FunctionName=NAME, MaximumRetryAttempts=2)
    changed = {
        aws.cloudwatch.EventRule: ("scheduleExpression", "rate(1 hour)"),
        aws.cloudwatch.EventTarget: ("arn", "arn:aws:lambda:eu-west-1:1:function:x"),
        aws.lambda_.FunctionEventInvokeConfig: ("maximumRetryAttempts", 2),
    }
    for handler, made in each(deployment):
        if handler.resource not in changed:
            continue
        name, value = changed[handler.resource]
        read = handler.read(identity(made), made.outputs)
        assert read[name] == value
        after = handler.update(identity(made), read, made.inputs)
        assert {name: after[name] for name in made.inputs} == made.inputs, made.type
    (schedule,) = schedules(there("events"), there("lambda"), "eu-west-1", pytest.fail)
    assert (schedule.seconds, schedule.retries) == (60, 0)


def test_a_deleted_resource_reads_as_gone_and_deletes_again() -> None:
    for handler, made in each(up()):
        name = identity(made)
        handler.delete(name, made.outputs)
        assert handler.read(name, made.outputs) is None, made.type
        handler.delete(name, made.outputs)


def test_a_schedule_that_is_not_emulated_is_refused() -> None:
    (handler,) = [each for each in handlers() if each.resource is aws.cloudwatch.EventRule]
    with pytest.raises(CloudError, match=r"not emulated: the schedule 'cron\(0 \* \* \* \? \*\)'"):
        handler.create({"name": "x", "scheduleExpression": "cron(0 * * * ? *)", "region": "us-east-1"})
    with pytest.raises(CloudError, match="not emulated: a rule with eventPattern"):
        handler.create({"name": "x", "eventPattern": json.dumps({}), "region": "us-east-1"})
