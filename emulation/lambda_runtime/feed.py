"""Runs one Lambda event source mapping. Reads the records of a DynamoDB stream, and delivers the records that match the
mapping's filter to a function, in order.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from emulation.lambda_runtime.batches import Record, Rules, deliver
from emulation.lambda_runtime.deployed import StreamMapping, session
from emulation.lambda_runtime.metrics import Metrics
from emulation.layout import Sandbox

_POLL_SECONDS = 0.25  # The seconds between two polls of a DynamoDB stream. Lambda polls each shard four times a second.

# A Python function that invokes a Lambda function. The arguments are the ARN of the Lambda function and an event. The
# Python function returns the result of the Lambda function.
Invoke = Callable[[str, Any], Any]


class Feed(threading.Thread):
    """A thread that reads one DynamoDB stream for a Lambda function. After each batch of records, the thread stores its
    position in the stream in the sandbox's directory. After a restart, the thread therefore repeats at most one batch.
    """

    def __init__(
        self, sandbox: Sandbox, mapping: StreamMapping, invoke: Invoke, metrics: Metrics, report: Callable[[str], None]
    ) -> None:
        super().__init__(daemon=True)
        self.mapping = mapping
        self._invoke = invoke
        self._metrics = metrics
        self._report = report
        self._ended = threading.Event()
        self._position = sandbox.path("functions", "positions", mapping.id)
        clients = session()
        self._streams, self._sqs = (
            clients.client(service, region_name=mapping.region, endpoint_url=sandbox.aws_url)
            for service in ("dynamodbstreams", "sqs")
        )

    def end(self) -> None:
        self._ended.set()

    def run(self) -> None:
        while not self._ended.is_set():
            try:
                self._follow()
            except (BotoCoreError, ClientError) as error:
                self._report(f"stream of {self.mapping.stream.split('/')[1]}: {error}")
                self._ended.wait(1)

    def _follow(self) -> None:
        description = self._streams.describe_stream(StreamArn=self.mapping.stream)["StreamDescription"]
        (shard,) = description["Shards"]  # moto, which emulates AWS, gives each DynamoDB stream only one shard.
        iterator = self._iterator(shard["ShardId"])
        while not self._ended.is_set():
            found = self._streams.get_records(ShardIterator=iterator, Limit=self.mapping.batch)
            iterator = found["NextShardIterator"]
            records = [self._event(record) for record in found["Records"]]
            if not records:
                self._ended.wait(_POLL_SECONDS)
                continue
            self._deliver(shard["ShardId"], [record for record in records if self._matches_filter(record)])
            if not self._ended.is_set():
                self._store_position(records[-1]["dynamodb"]["SequenceNumber"])

    def _iterator(self, shard: str) -> str:
        start: dict[str, str] = {"ShardIteratorType": self.mapping.start}
        if self._position.exists():
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._position.read_text()}
        return self._streams.get_shard_iterator(StreamArn=self.mapping.stream, ShardId=shard, **start)["ShardIterator"]

    def _store_position(self, number: str) -> None:
        """Stores the position in the DynamoDB stream. The new file replaces the old file by a rename, in one step. The
        file is therefore complete even if the process is killed while it writes.
        """
        draft = self._position.with_suffix(".new")
        draft.write_text(number)
        draft.replace(self._position)

    def _deliver(self, shard: str, records: Sequence[Record]) -> None:
        mapping = self.mapping
        deliver(
            records,
            Rules(mapping.bisect, mapping.tries, mapping.oldest, mapping.partial),
            self._invoked,
            lambda failed, reason, tries: self._send_to_dead_letters(shard, failed, reason, tries),
            lambda record: time.time() - record["dynamodb"]["ApproximateCreationDateTime"],
            self._pause,
        )

    def _invoked(self, records: Sequence[Record]) -> Any:
        last = records[-1]["dynamodb"]["ApproximateCreationDateTime"]
        self._metrics.received_batch(self.mapping.function, time.time() - last)
        return self._invoke(self.mapping.function, {"Records": list(records)})

    def _pause(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            # SystemExit ends only the thread that delivers records of this event source mapping. The next thread for
            # the mapping delivers the same batch of records again.
            raise SystemExit

    def _send_to_dead_letters(self, shard: str, records: Sequence[Record], reason: str, tries: int) -> None:
        """Sends a message about discarded stream records to the dead-letter queue of the event source mapping. As on
        AWS, the message contains the positions of the records in the stream, and not the records.
        """
        if not self.mapping.dead_letters:
            return
        details = [record["dynamodb"] for record in records]
        first, last = (_iso(each["ApproximateCreationDateTime"]) for each in (details[0], details[-1]))
        message = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": self.mapping.function,
                "condition": reason,
                "approximateInvokeCount": tries,
            },
            "version": "1.0",
            "timestamp": _iso(time.time()),
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": details[0]["SequenceNumber"],
                "endSequenceNumber": details[-1]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": first,
                "approximateArrivalOfLastRecord": last,
                "batchSize": len(records),
                "streamArn": self.mapping.stream,
            },
        }
        queue = self._sqs.get_queue_url(QueueName=self.mapping.dead_letters.rsplit(":", 1)[1])["QueueUrl"]
        self._sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(message))
        self._report(f"gave up {len(records)} records after {tries} tries: {reason}")

    def _event(self, record: Record) -> Record:
        """Converts a record of a DynamoDB stream to the form in which a Lambda function receives it. The time of the
        record becomes a number of seconds since 1970.
        """
        details = dict(cast(Mapping[str, Any], record["dynamodb"]))
        details["ApproximateCreationDateTime"] = details["ApproximateCreationDateTime"].timestamp()
        place = {"awsRegion": self.mapping.region, "eventSourceARN": self.mapping.stream}
        return {**record, **place, "dynamodb": details}

    def _matches_filter(self, record: Record) -> bool:
        patterns = self.mapping.patterns
        return not patterns or any(matches(json.loads(pattern), record) for pattern in patterns)


def matches(pattern: Any, value: Any) -> bool:
    """Returns whether a stream record matches the filter pattern of an event source mapping (AWS Lambda, "Filter rule
    syntax"). The emulation supports only equality, and raises NotImplementedError for other filter rules.
    """
    if isinstance(pattern, dict):
        rules = cast(Mapping[str, Any], pattern)
        return isinstance(value, Mapping) and all(
            matches(rule, cast(Mapping[str, Any], value).get(name)) for name, rule in rules.items()
        )
    accepted = cast(Sequence[Any], pattern)
    if any(isinstance(rule, dict) for rule in accepted):
        raise NotImplementedError(f"not emulated: the filter rule {pattern}")
    return value in accepted


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
