"""Tests the emulated Lambda runtime. It delivers batches, applies filters, and runs handlers in separate processes."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulation.lambda_runtime.batches import Record, Rules, deliver
from emulation.lambda_runtime.deployed import Code
from emulation.lambda_runtime.feed import matches
from emulation.lambda_runtime.instance import FunctionError, Instance
from emulation.lambda_runtime.roles import LASTS
from emulation.lambda_runtime.urls import create_app
from emulation.layout import Sandbox

Numbers = list[int]


def record(number: int) -> Record:
    return {"dynamodb": {"SequenceNumber": str(number), "ApproximateCreationDateTime": 0.0}}


def numbers(records: Sequence[Record]) -> Numbers:
    return [int(each["dynamodb"]["SequenceNumber"]) for each in records]


class Shard:
    """Delivers stream records to an emulated Lambda function. Keeps the batches that the function received, and the
    batches that Lambda discarded after failures.

    `fails` is the code of the Lambda function. It gets the sequence numbers of the records in a batch. It returns the
    function's result, or raises an error.
    """

    def __init__(self, fails: Callable[[Numbers], Any], **rules: Any) -> None:
        self.rules = replace(Rules(bisect=True, tries=2, oldest=-1, partial=True), **rules)
        self.fails = fails
        self.given: list[Numbers] = []
        self.dead: list[tuple[Numbers, str]] = []
        self.pauses: list[float] = []
        self.age = 0.0

    def deliver(self, *sequence: int) -> Shard:
        deliver(
            [record(number) for number in sequence],
            self.rules,
            self._invoke,
            lambda records, reason, tries: self.dead.append((numbers(records), reason)),
            lambda record: self.age,
            self.pauses.append,
        )
        return self

    def _invoke(self, records: Sequence[Record]) -> Any:
        self.given.append(numbers(records))
        return self.fails(self.given[-1])


def raising(*poisoned: int) -> Callable[[Numbers], Any]:
    def fails(batch: Numbers) -> Any:
        if set(batch) & set(poisoned):
            raise FunctionError("poison")
        return {"batchItemFailures": []}

    return fails


def reporting(*poisoned: int) -> Callable[[Numbers], Any]:
    return lambda batch: {
        "batchItemFailures": [{"itemIdentifier": str(number)} for number in batch if number in poisoned]
    }


def test_a_successful_batch_is_delivered_once() -> None:
    shard = Shard(raising()).deliver(1, 2, 3)
    assert (shard.given, shard.dead, shard.pauses) == ([[1, 2, 3]], [], [])


def test_bisection_isolates_a_poisoned_record() -> None:
    shard = Shard(raising(3)).deliver(1, 2, 3, 4)
    assert shard.dead == [([3], "RetryAttemptsExhausted")]
    assert shard.given[-1] == [4]


def test_without_bisection_the_whole_batch_is_given_up() -> None:
    shard = Shard(raising(3), bisect=False).deliver(1, 2, 3, 4)
    assert shard.dead == [([1, 2, 3, 4], "RetryAttemptsExhausted")]
    assert len(shard.given) == 3


def test_a_partial_failure_is_retried_from_the_reported_record() -> None:
    left = {2: 1}

    def once(batch: Numbers) -> Any:
        failed = [number for number in batch if left.get(number, 0) > 0]
        for number in failed:
            left[number] -= 1
        return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in failed]}

    shard = Shard(once).deliver(1, 2, 3)
    assert (shard.given, shard.dead) == ([[1, 2, 3], [2, 3]], [])


def test_a_partial_response_is_ignored_unless_the_mapping_enables_it() -> None:
    assert Shard(reporting(2), partial=False).deliver(1, 2, 3).given == [[1, 2, 3]]


def test_an_unknown_number_in_a_report_fails_the_whole_batch() -> None:
    shard = Shard(lambda batch: {"batchItemFailures": [{"itemIdentifier": "99"}]}, tries=0).deliver(1, 2)
    assert shard.dead == [([1, 2], "RetryAttemptsExhausted")]


def test_a_record_that_is_too_old_is_given_up_at_once() -> None:
    shard = Shard(raising(1), oldest=10)
    shard.age = 11
    assert shard.deliver(1).dead == [([1], "RecordAgeExceeded")]
    assert len(shard.given) == 1


def test_pauses_between_attempts_grow() -> None:
    pauses = Shard(raising(1), tries=8).deliver(1).pauses
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1] <= 5.0


@given(st.integers(1, 12), st.sets(st.integers(0, 11)), st.booleans(), st.booleans())
def test_each_record_is_processed_or_given_up_in_order(size: int, poisoned: set[int], bisect: bool, by: bool) -> None:
    fails = raising(*poisoned) if by else reporting(*poisoned)
    shard = Shard(fails, bisect=bisect).deliver(*range(size))
    ended = [number for batch, _ in shard.dead for number in batch]
    seen = {number for batch in shard.given for number in batch}
    assert ended == sorted(set(ended))
    assert seen == set(range(size))
    if bisect and by:
        assert set(ended) == poisoned & seen
    firsts = [batch[0] for batch in shard.given]
    assert firsts == sorted(firsts)


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ({"dynamodb": {"Keys": {"pk": {"S": ["tokens"]}}}}, True),
        ({"dynamodb": {"Keys": {"pk": {"S": ["npm#web", "tokens"]}}}}, True),
        ({"dynamodb": {"Keys": {"pk": {"S": ["npm#web"]}}}}, False),
        ({"dynamodb": {"Keys": {"pk": {"N": ["1"]}}}}, False),
        ({"dynamodb": {"absent": {"pk": ["x"]}}}, False),
        ({"eventName": ["INSERT", "MODIFY"]}, True),
    ],
)
def test_a_filter_matches_equal_values(pattern: Any, taken: bool) -> None:
    assert matches(pattern, {"eventName": "MODIFY", "dynamodb": {"Keys": {"pk": {"S": "tokens"}}}}) is taken


def test_a_filter_rule_that_is_not_emulated_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="prefix"):
        matches({"eventName": [{"prefix": "MOD"}]}, {"eventName": "MODIFY"})


HANDLER = """
import os, sys, time
print("loaded", flush=True)

def handler(event, context):
    print("called", flush=True)
    if event == "raise":
        raise ValueError("secret")
    if event == "exit":
        os._exit(1)
    if event == "sleep":
        time.sleep(60)
    return {"event": event, "variable": os.environ.get("GREETING"), "mine": os.environ.get("OUTSIDE"),
            "path": [part for part in sys.path if "site-packages" not in part and "lib/python" not in part],
            "pid": os.getpid(), "region": os.environ["AWS_REGION"],
            "key": os.environ["AWS_ACCESS_KEY_ID"], "id": context.aws_request_id}
"""


@pytest.fixture
def clock() -> list[float]:
    """Returns a list with the time of the tested instance in seconds since 1970. Tests change it."""
    return [1_795_000_000.0]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> Any:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("package/module.py", HANDLER)
    monkeypatch.setenv("OUTSIDE", "seen")

    def get(location: str, timeout: float) -> httpx.Response:
        return httpx.Response(200, content=packed.getvalue(), request=httpx.Request("GET", location))

    monkeypatch.setattr(httpx, "get", get)
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    variables = (("GREETING", "hello"),)
    code = Code("f", "arn:f", "eu-west-1", "arn:role/f", "package.module.handler", 5, variables, digest, "http://code")
    credentials = {"AWS_ACCESS_KEY_ID": f"of {code.role}"}
    made = Instance(Sandbox(tmp_path, "127.99"), code, lambda code: credentials, lambda: clock[0])
    yield made
    made.stop()


def test_a_handler_runs_in_a_process_of_its_own_with_its_own_environment(instance: Instance) -> None:
    first, second = instance.invoke({"a": 1}), instance.invoke("x")
    assert (first["event"], first["variable"], first["mine"], first["region"]) == ({"a": 1}, "hello", None, "eu-west-1")
    assert first["key"] == "of arn:role/f"
    assert first["pid"] == second["pid"]
    assert first["id"] != second["id"]
    assert not any(part.rstrip("/") == str(Path(__file__).parents[4]) for part in first["path"])


def test_an_instance_gets_new_credentials_before_the_old_ones_expire(instance: Instance, clock: list[float]) -> None:
    first = instance.invoke("x")
    clock[0] += 600
    assert instance.invoke("x")["pid"] == first["pid"]
    clock[0] += LASTS - 1200
    assert instance.invoke("x")["pid"] != first["pid"]


@pytest.mark.parametrize(("event", "says"), [("raise", "raised ValueError"), ("exit", "ended"), ("sleep", "longer")])
def test_a_failed_handler_is_reported_and_handles_the_next_event(instance: Instance, event: str, says: str) -> None:
    with pytest.raises(FunctionError, match=says) as raised:
        instance.invoke(event)
    assert "secret" not in str(raised.value)
    assert instance.invoke("x")["event"] == "x"


def test_a_url_reaches_only_its_function() -> None:
    def invoke(function: str, event: Any) -> Any:
        if event["body"] == "raise":
            raise FunctionError("no")
        return {"statusCode": 418, "headers": {"x-function": function}, "body": event["headers"]["x-asked"]}

    client = create_app({"f.lambda-url.eu-west-1.on.aws": "arn:f"}.get, invoke).test_client()
    there = "http://f.lambda-url.eu-west-1.on.aws/"
    answer = client.post("/", base_url=there, data="x", headers={"X-Asked": "yes"})
    assert (answer.status_code, answer.headers["x-function"], answer.text) == (418, "arn:f", "yes")
    assert client.post("/", base_url=there, data="raise").status_code == 502
    assert client.get("/x", base_url="http://example.com").status_code == 530
