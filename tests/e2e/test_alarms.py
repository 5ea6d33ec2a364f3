"""Tests that alarms on the emulated AWS report failures and recoveries to SQS queues that subscribe to alarm topics.

The tests do not run the Pulumi engine. They create the monitored resources directly with the handlers of the emulated
Pulumi provider. One minute of the emulated CloudWatch lasts half a second here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pulumi
import pytest
from cloudflare import Cloudflare

from emulation import services
from emulation.aws.clock import PATH as CLOCK
from emulation.aws.replication import PATH as REPLICATION
from emulation.engine.environment import cloud_environment
from emulation.layout import Sandbox
from emulation.providers.aws import functions, handlers
from infra.blobs import BlobsArgs
from infra.blobs.s3 import S3Blobs
from infra.dns.alarms import feed_alarm, region_alarm
from infra.entitlements import LambdaTokenSyncArgs
from infra.entitlements.lambda_function import LambdaTokenSync
from infra.keys import AwsKeysArgs
from infra.keys.aws import AwsKeys
from infra.metadata import MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.observability import CloudWatchAlarm, CloudWatchObservabilityArgs
from infra.observability.cloudwatch import CloudWatchObservability
from infra.publishing.alarms import alarms as registry_alarms
from infra.serverless.package import pack
from local.checkout import CHECKOUT
from registry.catalog.audit import By
from registry.catalog.outbox import Intent
from registry.target import Target
from registry.tokens import tokens
from tests.support import http_server, purge_endpoint
from tests.support.background import in_background
from tests.support.harness import deploy
from tests.support.purge_endpoint import PurgeEndpoint, serving
from tests.support.waiting import eventually

ACCOUNT = "0" * 32
PREFIX = "artifact-edge-test"
HOME, AWAY = "us-east-1", "eu-west-1"
REGIONS = (HOME, AWAY)
SERVICES = {service.name: service for service in (*services.CLOUDS, *services.RUNTIME)}
PATIENCE = 120.0  # seconds to wait for an expected event before the test fails


@dataclass
class OnCall:
    """A subscriber to the alarm topics of all regions. It keeps each message that it receives."""

    sandbox: Sandbox
    target: Target
    outputs: Path
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def wait_for(self, name: str, state: str) -> dict[str, Any]:
        """Returns the next message that reports the named alarm in the given state, and removes it from `messages`.
        Fails after `PATIENCE` seconds.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            for message in self.messages:
                if (message["AlarmName"], message["NewStateValue"]) == (f"{PREFIX}-{name}", state):
                    self.messages.remove(message)
                    return message
            received = [(message["AlarmName"], message["NewStateValue"]) for message in self.messages]
            assert time.monotonic() < deadline, f"{name} did not become {state}; received: {received}"
            for region in REGIONS:
                url = aws("sqs", region).get_queue_url(QueueName="on-call")["QueueUrl"]
                found = aws("sqs", region).receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
                for message in found:
                    aws("sqs", region).delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    self.messages.append(json.loads(json.loads(message["Body"])["Message"]))
            time.sleep(0.1)

    def clear(self) -> None:
        self.messages.clear()


@pytest.fixture(scope="module")
def on_call() -> Iterator[OnCall]:
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    sandbox = Sandbox(directory=directory, loopback="127.96")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in cloud_environment(sandbox, {}).items():
            environment.setenv(name, value)
        try:
            services.start(sandbox, [SERVICES[name] for name in ("aws", "cloudflare", "lambda_runtime", "dns")])
            httpx.put(sandbox.aws_url + CLOCK, json={"minute_seconds": 0.5}).raise_for_status()
            with serving(PurgeEndpoint()) as url:
                yield _provisioned(sandbox, url)
        finally:
            services.stop_all(sandbox)
            shutil.rmtree(directory)


def _provisioned(sandbox: Sandbox, url: str) -> OnCall:
    namespace = Cloudflare().kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
    assert namespace is not None
    aws("secretsmanager").create_secret(Name="test/edge-kv", SecretString=json.dumps({"api_token": "any"}))
    check = aws("route53").create_health_check(
        CallerReference="endpoint",
        HealthCheckConfig={
            "Type": "HTTP",
            "IPAddress": f"{sandbox.loopback}.0.99",
            "Port": 8099,
            "ResourcePath": "/",
            "RequestInterval": 10,
            "FailureThreshold": 1,
        },
    )["HealthCheck"]["Id"]

    def program() -> None:
        metadata = DynamoDbMetadata("metadata", MetadataArgs(PREFIX, [HOME], protect=False))
        assert metadata.changes
        keys = AwsKeys("keys", AwsKeysArgs(PREFIX, REGIONS, [], 7))
        blobs = S3Blobs("blobs", BlobsArgs(f"{PREFIX}-example", REGIONS, [], keys.arns, 30, None, 7, removable=True))
        code = pack(CHECKOUT, "workers.entitlements.consumer")
        args = LambdaTokenSyncArgs(PREFIX, metadata.changes, ACCOUNT, namespace.id, "test/edge-kv", HOME, code)
        stream = LambdaTokenSync("entitlements", args)
        registry = [each for each in registry_alarms("test", "dynamodb", HOME) if isinstance(each, CloudWatchAlarm)]
        watched = [*stream.alarms, *blobs.alarms, *registry, region_alarm("test", check), feed_alarm(check)]
        CloudWatchObservability("observability", CloudWatchObservabilityArgs(PREFIX, watched, [], 7))
        pulumi.export("buckets", [{"region": each.region, "name": each.name} for each in blobs.buckets])

    made = deploy(program, handlers(), functions(), config={"aws:region": HOME}).outputs
    for region in REGIONS:
        (topic,) = aws("sns", region).list_topics()["Topics"]
        aws("sqs", region).create_queue(QueueName="on-call")
        queue = f"arn:aws:sqs:{region}:123456789012:on-call"
        aws("sns", region).subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=queue)
    aws("secretsmanager").create_secret(
        Name="artifact-edge/test/purge-signing", SecretString=json.dumps({"key": purge_endpoint.KEY})
    )
    target = {
        "environment": "test",
        "home_region": "us-east-1",
        "url": url,
        "buckets": made["buckets"],
        "metadata": {"backend": "dynamodb", "region": HOME, "table": f"{PREFIX}-metadata"},
        "entitlements": {"account_id": ACCOUNT, "namespace_id": namespace.id},
        "shields": [{"host": "none"}],
    }
    outputs = sandbox.path("outputs.json")
    outputs.write_text(json.dumps(target))
    return OnCall(sandbox, Target.model_validate(target), outputs)


def aws(service: str, region: str = HOME) -> Any:
    return cast(Any, boto3).client(service, region_name=region)


def answering(sandbox: Sandbox) -> AbstractContextManager[str]:
    """Runs an HTTP server that answers health checks in place of the shields (regional caches)."""
    return http_server.serving(http_server.Healthy, (f"{sandbox.loopback}.0.99", 8099))


@contextmanager
def draining(on_call: OnCall) -> Generator[None]:
    """Runs the command `purges drain --watch` in a second process during the `with` block. docs/publish-to-visible.md
    recommends this command to operators.
    """
    command = ["purges", "drain", "--watch", "0.2", "--stack-outputs", on_call.outputs]
    process = subprocess.Popen([sys.executable, "-m", "registry", *command], cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_an_alarm_follows_the_dead_letter_queue(on_call: OnCall) -> None:
    name = f"{PREFIX}-entitlements"
    api, sqs = aws("lambda"), aws("sqs")
    mapping = api.list_event_source_mappings()["EventSourceMappings"][0]["UUID"]
    variables = api.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def logged(text: str) -> bool:
        return text in on_call.sandbox.path("logs", "lambda_runtime.log").read_text()

    # The Lambda runtime applies new settings of a function or its event source after a delay.
    assert eventually(lambda: logged(f"{name} is fed from"))
    api.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=1)
    broken = {**variables, "SECRET_ID": "test/absent"}
    api.update_function_configuration(FunctionName=name, Environment={"Variables": broken})
    assert eventually(lambda: logged(f"{name} has new code or new settings"))
    on_call.clear()
    tokens.create(on_call.target, By("sandbox test", "", "tokens"), "bob", ["npm:*:pull"], 3600)
    message = on_call.wait_for("entitlements-dead", "ALARM")
    assert message["AlarmDescription"] == (
        "Changes of tokens never reached the edge. What to do: docs/entitlements.md#changes-are-dead"
    )
    assert on_call.wait_for("entitlements-dead-age", "ALARM")["Trigger"]["Threshold"] == 900
    failures = aws("cloudwatch").list_metrics(Namespace="AWS/Lambda", MetricName="Errors")["Metrics"]
    assert [each["Value"] for metric in failures for each in metric["Dimensions"]] == [name]
    on_call.clear()
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName=f"{name}-dead")["QueueUrl"])
    on_call.wait_for("entitlements-dead", "OK")
    on_call.wait_for("entitlements-dead-age", "OK")
    api.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def test_an_alarm_follows_undelivered_purges(on_call: OnCall) -> None:
    with draining(on_call):
        on_call.wait_for("purge-lag", "OK")
        stuck = Intent(at="2026-01-01T00:00:00.000000Z", due=time.time() + 3600)
        on_call.target.repository.transact([stuck.put()])
        message = on_call.wait_for("purge-lag", "ALARM")
        assert message["AlarmDescription"].startswith("Readers see old documents")
        on_call.clear()
        (pending,) = on_call.target.delivery.outbox.pending()
        on_call.target.delivery.outbox.record_delivery(pending, time.time())
        on_call.wait_for("purge-lag", "OK")
    assert "no data" in on_call.wait_for("purge-lag", "ALARM")["NewStateReason"], "nobody drains any more"


def test_alarms_follow_the_health_checks_of_a_region_and_of_the_feed(on_call: OnCall) -> None:
    with answering(on_call.sandbox):
        on_call.wait_for("shield-test-lost", "OK")
        on_call.clear()
    message = on_call.wait_for("shield-test-lost", "ALARM")
    assert message["AlarmDescription"].startswith("No shield machine in test answers")
    message = on_call.wait_for("revocations-late", "ALARM")
    assert message["AlarmDescription"].endswith("What to do: docs/entitlements.md#revocations-are-late")
    on_call.clear()
    with answering(on_call.sandbox):
        on_call.wait_for("shield-test-lost", "OK")
        on_call.wait_for("revocations-late", "OK")


def test_an_alarm_follows_the_replication_lag(on_call: OnCall) -> None:
    control = on_call.sandbox.aws_url + REPLICATION
    httpx.put(control, json={"paused": True}).raise_for_status()
    aws("s3").put_object(Bucket=on_call.target.bucket.name, Key="npm/web.tgz", Body=b"x")
    message = on_call.wait_for(f"blobs-{AWAY}-lags", "ALARM")
    assert message["Region"] == AWAY
    on_call.clear()
    httpx.put(control, json={"paused": False}).raise_for_status()
    on_call.wait_for(f"blobs-{AWAY}-lags", "OK")


def test_an_alarm_follows_a_buckets_errors(on_call: OnCall) -> None:
    outages = f"{on_call.sandbox.aws_url}/_artifact-edge/outages"
    httpx.put(outages, json={"s3": {HOME: "503"}}).raise_for_status()
    url = f"{on_call.sandbox.aws_url}/npm/web.tgz"
    host = {"Host": f"{on_call.target.bucket.name}.s3.{HOME}.amazonaws.com"}
    with answered_requests(url, host):
        message = on_call.wait_for(f"blobs-{HOME}-breaks", "ALARM")
    assert message["Trigger"]["MetricName"] == "5xxErrors"
    on_call.clear()
    httpx.put(outages, json={}).raise_for_status()
    on_call.wait_for(f"blobs-{HOME}-breaks", "OK")


@contextmanager
def answered_requests(url: str, headers: dict[str, str]) -> Generator[None]:
    """Requests `url` every 0.05 s in a thread during the `with` block."""

    def read(ended: threading.Event) -> None:
        while not ended.wait(0.05):
            httpx.get(url, headers=headers, timeout=PATIENCE)

    with in_background(read):
        yield


def test_the_clock_refuses_other_settings(on_call: OnCall) -> None:
    for settings in ({"minute_seconds": 0}, {"minute_seconds": True}, {"hour": 1}, 5):
        assert httpx.put(on_call.sandbox.aws_url + CLOCK, json=settings).status_code == 400
    assert httpx.get(on_call.sandbox.aws_url + CLOCK).json() == {"minute_seconds": 0.5}
