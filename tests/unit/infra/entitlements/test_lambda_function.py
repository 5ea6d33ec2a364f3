"""Tests two Lambda functions of a stack whose database is DynamoDB. One is the metadata API. The other is the token
sync, which writes tokens to Workers KV.

The tests run the Pulumi program, and read the result from the emulated Lambda, SQS and IAM. A refresh must find no
drift.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from emulation.providers import archives
from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra.entitlements import LambdaMetadataApiArgs, LambdaTokenSyncArgs
from infra.entitlements.lambda_function import LambdaMetadataApi, LambdaTokenSync
from infra.metadata import MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.serverless.package import pack
from tests.support.harness import Deployment, Registered, deploy
from tests.support.service_authorization import needs_any_resource

pytestmark = pytest.mark.usefixtures("aws_cloud")

ROOT = Path(__file__).parents[4]
CONSUMER, API = "artifact-edge-test-entitlements", "artifact-edge-test-metadata-api"
TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/artifact-edge-test-metadata"


def up() -> Deployment:
    def program() -> None:
        metadata = DynamoDbMetadata("metadata", MetadataArgs("artifact-edge-test", ["eu-west-1"], protect=False))
        assert metadata.changes
        api = LambdaMetadataApi(
            "metadata-api",
            LambdaMetadataApiArgs(
                "artifact-edge-test",
                metadata.changes,
                "test/metadata-api",
                "us-east-1",
                pack(ROOT, "workers.entitlements.api"),
            ),
        )
        stream = LambdaTokenSync(
            "entitlements",
            LambdaTokenSyncArgs(
                "artifact-edge-test",
                metadata.changes,
                "0" * 32,
                "n" * 32,
                "test/edge-kv",
                "us-east-1",
                pack(ROOT, "workers.entitlements.consumer"),
            ),
        )
        pulumi.export("url", api.url)
        pulumi.export("alarms", [alarm.name for alarm in [*api.alarms, *stream.alarms]])

    return deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})


def there(service: str) -> Any:
    return client(service, {"region": "eu-west-1"})


def statements(role: str) -> dict[str, Any]:
    document = client("iam").get_role_policy(RoleName=role, PolicyName="work")["PolicyDocument"]
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_the_functions_are_in_the_tables_region_and_contain_no_secret() -> None:
    up()
    for name, variables in (
        (CONSUMER, {"ACCOUNT_ID", "NAMESPACE_ID", "DEAD_LETTERS", "SECRET_ID", "SECRET_REGION"}),
        (API, {"TABLE", "SECRET_ID", "SECRET_REGION"}),
    ):
        found = there("lambda").get_function(FunctionName=name)["Configuration"]
        assert set(found["Environment"]["Variables"]) == variables
        assert found["Environment"]["Variables"]["SECRET_ID"].startswith("test/")
        group = there("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"][0]
        assert group["retentionInDays"] == 30
    handler = there("lambda").get_function(FunctionName=CONSUMER)["Configuration"]["Handler"]
    assert handler == "workers.entitlements.consumer.handler"


def test_the_stream_feeds_the_function_in_order_with_a_dead_letter_queue() -> None:
    up()
    (mapping,) = there("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mapping["EventSourceArn"].startswith(f"{TABLE}/stream/")
    assert mapping["ParallelizationFactor"] == 1
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["MaximumRecordAgeInSeconds"], mapping["MaximumRetryAttempts"]) == (21_600, 100)
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"dynamodb": {"Keys": {"pk": {"S": ["tokens"]}}}}
    queue = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert queue == "arn:aws:sqs:eu-west-1:123456789012:artifact-edge-test-entitlements-dead"
    url = there("sqs").get_queue_url(QueueName=queue.rsplit(":", 1)[1])["QueueUrl"]
    attributes = there("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["SqsManagedSseEnabled"] == "true"
    assert attributes["MessageRetentionPeriod"] == "1209600"


def test_each_function_has_only_the_permissions_it_needs() -> None:
    up()
    consumer, api = statements(CONSUMER), statements(API)
    assert {sid: statement["Action"] for sid, statement in consumer.items()} == {
        "Stream": ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
        "Streams": ["dynamodb:ListStreams"],
        "DeadLetters": ["sqs:SendMessage"],
        "Secrets": ["secretsmanager:GetSecretValue"],
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
    }
    assert {sid: statement["Action"] for sid, statement in api.items()} == {
        "Tokens": ["dynamodb:GetItem"],
        "Feeds": ["dynamodb:Query"],
        "Secrets": ["secretsmanager:GetSecretValue"],
        "Log": ["logs:CreateLogStream", "logs:PutLogEvents"],
    }
    for sid, partitions in (("Tokens", ["tokens"]), ("Feeds", ["revocations", "edge-policy"])):
        assert api[sid]["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": partitions}}
    assert consumer["Secrets"]["Resource"][0].endswith(":secret:test/edge-kv-??????")
    assert api["Secrets"]["Resource"] == [
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:test/metadata-api-??????"
    ]
    for statement in [*consumer.values(), *api.values()]:
        assert statement["Resource"] not in ("*", ["*"]) or all(map(needs_any_resource, statement["Action"]))


def test_the_api_is_called_through_its_url_only_and_bounded() -> None:
    deployment = up()
    url = there("lambda").get_function_url_config(FunctionName=API)
    assert deployment.outputs["url"] == f"{url['FunctionUrl']}/"
    assert there("lambda").get_function(FunctionName=API)["Concurrency"] == {"ReservedConcurrentExecutions": 10}
    permissions = deployment.of(aws.lambda_.Permission)
    assert permissions["url"].inputs["functionUrlAuthType"] == "NONE"
    # Reads the inputs of the Pulumi resource, because moto does not store `invokedViaFunctionUrl`.
    assert permissions["invoke"].inputs["invokedViaFunctionUrl"] is True
    policy = json.loads(there("lambda").get_policy(FunctionName=API)["Policy"])
    assert {statement["Action"] for statement in policy["Statement"]} == {
        "lambda:InvokeFunctionUrl",
        "lambda:InvokeFunction",
    }


def test_every_kind_of_delay_has_a_separate_alarm() -> None:
    names = up().outputs["alarms"]
    assert len(set(names)) == len(names)
    assert {"entitlements-lag", "entitlements-dead", "entitlements-dead-age", "metadata-api-throttles"} <= set(names)


MADE = (
    aws.lambda_.Function,
    aws.lambda_.FunctionUrl,
    aws.lambda_.Permission,
    aws.lambda_.EventSourceMapping,
    aws.sqs.Queue,
    aws.cloudwatch.LogGroup,
)


def each(deployment: Deployment) -> list[tuple[Any, Registered]]:
    by_type = {handler.resource: handler for handler in handlers()}
    return [(by_type[kind], made) for kind in MADE for made in deployment.of(kind).values()]


def identity(kind: type[Any], made: Registered) -> str:
    outputs = made.outputs
    return {
        aws.lambda_.FunctionUrl: outputs.get("functionName"),
        aws.lambda_.Permission: outputs.get("statementId"),
        aws.lambda_.EventSourceMapping: outputs.get("uuid"),
        aws.sqs.Queue: outputs.get("url"),
    }.get(kind) or outputs["name"]


def test_a_refresh_finds_no_drift() -> None:
    for handler, made in each(up()):
        read = handler.read(identity(handler.resource, made), made.outputs)
        assert {name: read[name] for name in made.inputs} == made.inputs, made.type


def test_a_manual_change_is_drift_and_is_reverted() -> None:
    deployment = up()
    there("lambda").update_function_configuration(FunctionName=CONSUMER, Timeout=3)
    url = deployment.of(aws.sqs.Queue)["entitlements"].outputs["url"]
    there("sqs").set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
    there("logs").delete_retention_policy(logGroupName=f"/aws/lambda/{CONSUMER}")
    seen = {"timeout": 3, "messageRetentionSeconds": 60, "retentionInDays": 0}
    for handler, made in each(deployment):
        read = handler.read(identity(handler.resource, made), made.outputs)
        for name, value in seen.items():
            if name in made.inputs and made.name == "entitlements":
                assert read[name] == value
        after = handler.update(identity(handler.resource, made), read, made.inputs)
        assert {name: after[name] for name in made.inputs} == made.inputs, made.type


def test_new_code_is_deployed() -> None:
    made = up().of(aws.lambda_.Function)["entitlements"]
    (handler,) = [each for each in handlers() if each.resource is aws.lambda_.Function]
    code = archives.on_the_wire(pulumi.AssetArchive({"x.py": pulumi.StringAsset("new")}))
    after = handler.update(CONSUMER, made.outputs, {**made.inputs, "code": code})
    assert after["codeSha256"] != made.outputs["codeSha256"]


def test_a_deleted_resource_reads_as_gone_and_deletes_again() -> None:
    deployment = up()
    order = [aws.lambda_.EventSourceMapping, aws.lambda_.Permission, aws.lambda_.FunctionUrl, *MADE]
    for handler, made in sorted(each(deployment), key=lambda pair: order.index(pair[0].resource)):
        name = identity(handler.resource, made)
        handler.delete(name, made.outputs)
        assert handler.read(name, made.outputs) is None, made.type
        handler.delete(name, made.outputs)
