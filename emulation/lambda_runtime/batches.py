"""Delivers a batch of stream records to a Lambda function as Lambda does. The emulation covers partial batch responses,
retries, the split of a batch in two after an error, and the rules for discarding records.

Source: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon DynamoDB Streams". The next batch of a
shard must wait until all records of a batch are processed or discarded. A split of a batch does not count as a retry.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulation.lambda_runtime.instance import FunctionError

Record = Mapping[str, Any]

# If a function fails, the emulation delivers the batch again after a pause. These are the first and the longest pause
# in seconds. On AWS, such pauses grow to minutes.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0


@dataclass(frozen=True)
class Rules:
    """The retry settings of a Lambda event source mapping. `tries` is the maximum number of retries. `oldest` is the
    maximum age of a record in seconds; older records are discarded. The value -1 means no limit.
    """

    bisect: bool
    tries: int
    oldest: int
    partial: bool


@dataclass(frozen=True)
class _Part:
    records: Sequence[Record]
    failures: int = 0


def deliver(
    records: Sequence[Record],
    rules: Rules,
    invoke: Callable[[Sequence[Record]], Any],
    give_up: Callable[[Sequence[Record], str, int], None],
    age: Callable[[Record], float],
    pause: Callable[[float], None],
) -> None:
    """Delivers stream records to a Lambda function in order. Returns when each record is either processed or discarded.
    Calls `give_up` with discarded records, the reason and the number of attempts.
    """
    parts = deque([_Part(records)] if records else [])
    while parts:
        part = parts.popleft()
        failed = _attempt(part, rules, invoke)
        if failed is None:
            continue
        if 0 <= rules.oldest < age(failed.records[0]):
            give_up(failed.records, "RecordAgeExceeded", failed.failures)
        elif 0 <= rules.tries < failed.failures:
            give_up(failed.records, "RetryAttemptsExhausted", failed.failures)
        elif rules.bisect and len(failed.records) > 1 and failed.records == part.records:
            middle = len(failed.records) // 2
            halves = failed.records[:middle], failed.records[middle:]
            parts.extendleft(reversed([_Part(half, part.failures) for half in halves]))
        else:
            pause(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failed.failures, 10)))
            parts.appendleft(failed)


def _attempt(part: _Part, rules: Rules, invoke: Callable[[Sequence[Record]], Any]) -> _Part | None:
    """Invokes a Lambda function with stream records. Returns the first failed record and all records after it, which
    must be retried. Returns None if the function processed all records.
    """
    try:
        answer = invoke(part.records)
    except FunctionError:
        return _Part(part.records, part.failures + 1)
    numbers = [each["dynamodb"]["SequenceNumber"] for each in part.records]
    response: Mapping[str, Any] = answer if rules.partial and answer else {}
    reported: Sequence[Mapping[str, str]] = response.get("batchItemFailures") or []
    failed = [each.get("itemIdentifier") for each in reported]
    if not failed:
        return None
    first = min((numbers.index(number) if number in numbers else 0) for number in failed)
    return _Part(part.records[first:], part.failures + 1 if first == 0 else 1)
