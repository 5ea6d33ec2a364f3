"""Tests the Lambda functions that bring tokens to the edge, on the emulated AWS. The functions read the stream of the
metadata table. Some tests make the edge or a function fail for a while.

The tests do not run the Pulumi engine. They create only the resources that these functions need, directly with the
handlers of the emulated Pulumi provider.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import boto3
import httpx
import pulumi
import pytest
from cloudflare import Cloudflare

from emulation import processes, services
from emulation.engine.environment import cloud_environment
from emulation.layout import FUNCTIONS_PORT, Sandbox
from emulation.providers.aws import functions, handlers
from infra.entitlements import LambdaMetadataApiArgs, LambdaTokenSyncArgs
from infra.entitlements.lambda_function import LambdaMetadataApi, LambdaTokenSync
from infra.metadata import MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.serverless.package import pack
from local.checkout import CHECKOUT
from registry.catalog.audit import By
from registry.cloudflare.api import CloudflareUnavailable
from registry.cloudflare.token_entries import TokenEntries
from registry.target import Target
from registry.tokens import resync, tokens
from tests.support.harness import deploy

ACCOUNT = "0" * 32
PREFIX = "artifact-edge-test"
BY = By("sandbox test", "", "tokens")
SERVICES = {service.name: service for service in (*services.CLOUDS, *services.RUNTIME)}
PATIENCE = 120.0  # seconds to wait for an expected event before the test fails


@dataclass(frozen=True)
class Stack:
    """Running emulated clouds (`sandbox`), the `Target` with which the registry's commands work on the stack there, and
    the host name of the stack's metadata API.
    """

    sandbox: Sandbox
    target: Target
    api: str

    def entry(self, digest: str) -> Any:
        found = self.target.token_entries.read([f"token:{digest}"])
        return json.loads(found[f"token:{digest}"]) if found else {}

    def is_up_to_date(self, digest: str) -> bool:
        """Returns whether the edge's key-value store has the latest version of the token. The latest version is in the
        metadata database.
        """
        item = self.target.repository.item("tokens", digest)
        return item is not None and self.entry(digest).get("revision") == item.version

    def start(self, name: str) -> None:
        services.start(self.sandbox, [SERVICES[name]])

    def stop(self, name: str) -> None:
        processes.stop(self.sandbox, name)

    def set_variables(self, function: str, variables: dict[str, str]) -> None:
        """Sets the environment variables of a Lambda function, and waits until the Lambda runtime applies them."""
        applied = f"{function} has new code or new settings"
        before = self._log().count(applied)
        aws("lambda").update_function_configuration(FunctionName=function, Environment={"Variables": variables})
        until(lambda: self._log().count(applied) > before)

    def _log(self) -> str:
        return self.sandbox.path("logs", "lambda_runtime.log").read_text()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    directory = Path(tempfile.mkdtemp(prefix="ae-"))
    sandbox = Sandbox(directory=directory, loopback="127.94")
    with pytest.MonkeyPatch.context() as environment:
        for name, value in cloud_environment(sandbox, {}).items():
            environment.setenv(name, value)
        try:
            services.start(sandbox, [SERVICES["aws"], SERVICES["cloudflare"], SERVICES["lambda_runtime"]])
            yield _provisioned(sandbox)
        finally:
            services.stop_all(sandbox)
            shutil.rmtree(directory)


def _provisioned(sandbox: Sandbox) -> Stack:
    namespace = Cloudflare().kv.namespaces.create(account_id=ACCOUNT, title="entitlements")
    assert namespace is not None
    for name, content in {"edge-kv": {"api_token": "any"}, "metadata-api": {"key": "key"}}.items():
        aws("secretsmanager").create_secret(Name=f"test/{name}", SecretString=json.dumps(content))

    def program() -> None:
        metadata = DynamoDbMetadata("metadata", MetadataArgs(PREFIX, ["us-east-1"], protect=False))
        assert metadata.changes
        asked = pack(CHECKOUT, "workers.entitlements.api")
        api = LambdaMetadataApiArgs(PREFIX, metadata.changes, "test/metadata-api", "us-east-1", asked)
        pulumi.export("url", LambdaMetadataApi("metadata-api", api).url)
        fed = pack(CHECKOUT, "workers.entitlements.consumer")
        args = LambdaTokenSyncArgs(PREFIX, metadata.changes, ACCOUNT, namespace.id, "test/edge-kv", "us-east-1", fed)
        LambdaTokenSync("entitlements", args)

    outputs = deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"}).outputs
    target = {
        "environment": "test",
        "home_region": "us-east-1",
        "url": "https://packages.artifact-edge.test",
        "buckets": [{"region": "us-east-1", "name": "none"}],
        "metadata": {"backend": "dynamodb", "region": "us-east-1", "table": f"{PREFIX}-metadata"},
        "entitlements": {"account_id": ACCOUNT, "namespace_id": namespace.id},
        "shields": [{"host": "none"}],
    }
    return Stack(sandbox, Target.model_validate(target), httpx.URL(outputs["url"]).host)


@pytest.fixture(autouse=True)
def no_direct_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the registry's direct writes to the edge fail, so that only the change stream of the metadata database
    updates the edge.
    """

    def do_nothing(edge: TokenEntries, records: object) -> None:
        raise CloudflareUnavailable("out of reach, for the test")

    monkeypatch.setattr(TokenEntries, "update", do_nothing)


def aws(service: str) -> Any:
    return cast(Any, boto3).client(service, region_name="us-east-1")


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def created(stack: Stack) -> str:
    """Creates a token, waits until the edge's key-value store has the token, and returns the token's digest."""
    digest = tokens.create(stack.target, BY, "alice", ["npm:*:pull"], 3600).token.digest
    until(lambda: stack.is_up_to_date(digest))
    return digest


def test_each_change_reaches_the_edge(stack: Stack) -> None:
    digest = created(stack)
    assert stack.entry(digest)["grants"] == ["npm:*:pull"]
    tokens.change_grants(stack.target, BY, digest, add=["oci:acme/*:pull"])
    until(lambda: stack.is_up_to_date(digest))
    assert stack.entry(digest)["grants"] == ["npm:*:pull", "oci:acme/*:pull"]
    tokens.revoke(stack.target, BY, digest)
    until(lambda: stack.is_up_to_date(digest))
    assert stack.entry(digest)["revoked"] is True


def test_changes_during_an_edge_outage_are_delivered_afterwards(stack: Stack) -> None:
    revoked, granted = created(stack), created(stack)
    stack.stop("cloudflare")
    tokens.revoke(stack.target, BY, revoked)
    tokens.change_grants(stack.target, BY, granted, add=["pypi:*:pull"])
    time.sleep(1)
    stack.start("cloudflare")
    until(lambda: stack.is_up_to_date(revoked) and stack.is_up_to_date(granted))
    assert stack.entry(revoked)["revoked"] is True
    assert stack.entry(granted)["grants"] == ["npm:*:pull", "pypi:*:pull"]


def test_changes_while_no_function_runs_are_delivered_afterwards(stack: Stack) -> None:
    digest = created(stack)
    stack.stop("lambda_runtime")
    tokens.revoke(stack.target, BY, digest)
    assert stack.entry(digest)["grants"]
    stack.start("lambda_runtime")
    until(lambda: stack.is_up_to_date(digest))
    assert stack.entry(digest)["revoked"] is True


def test_a_failing_change_is_dead_lettered_and_the_others_are_delivered(stack: Stack) -> None:
    name = f"{PREFIX}-entitlements"
    api, sqs = aws("lambda"), aws("sqs")
    mapping = api.list_event_source_mappings()["EventSourceMappings"][0]["UUID"]
    variables = api.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    queue = sqs.get_queue_url(QueueName=f"{name}-dead")["QueueUrl"]
    api.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=1)
    broken = {**variables, "SECRET_ID": "test/absent"}
    stack.set_variables(name, broken)
    lost = tokens.create(stack.target, BY, "bob", ["npm:*:pull"], 3600).token.digest
    messages: list[Any] = []

    def arrived() -> bool:
        messages.extend(sqs.receive_message(QueueUrl=queue).get("Messages", []))
        return bool(messages)

    until(arrived)
    body = json.loads(messages[0]["Body"])
    assert body["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert body["DDBStreamBatchInfo"]["batchSize"] == 1
    assert lost not in messages[0]["Body"]
    api.update_event_source_mapping(UUID=mapping, MaximumRetryAttempts=100)
    stack.set_variables(name, variables)
    created(stack)
    assert not stack.is_up_to_date(lost)
    assert resync.resync(stack.target).missing == 1
    assert stack.is_up_to_date(lost)


def query(stack: Stack, digest: str, key: str = "key") -> httpx.Response:
    body, now = json.dumps({"digest": digest}), int(time.time())
    mac = hmac.new(key.encode(), f"{now}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"host": stack.api, "x-artifact-edge-signature": f"t={now},v1={mac}"}
    url = f"http://{stack.sandbox.functions_address}:{FUNCTIONS_PORT}/"
    return httpx.post(url, content=body, headers=headers, timeout=PATIENCE)


def test_the_metadata_api_answers_over_its_url(stack: Stack) -> None:
    digest = tokens.create(stack.target, BY, "carol", ["npm:*:pull"], 3600).token.digest
    # On a busy machine, the first invocation of the function can exceed the function's time limit.
    until(lambda: query(stack, digest).status_code == 200)
    assert query(stack, digest).json()["principal"] == "carol"
    assert query(stack, "0" * 64).status_code == 404
    assert query(stack, digest, key="another").status_code == 403
    tokens.revoke(stack.target, BY, digest)
    assert query(stack, digest).json()["revoked"] is True
