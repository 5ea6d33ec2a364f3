"""Publishes CloudWatch metrics of the emulated AWS services: SQS queues, S3 requests and S3 replication.

Source of the metrics and dimensions: "Available CloudWatch metrics for Amazon SQS", "Amazon S3 metrics and dimensions".
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from moto.cloudwatch.models import cloudwatch_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from emulation.aws.bucket_metrics import names_of_metrics
from emulation.aws.replication import Waiting
from emulation.aws.requests import addressed_bucket
from emulation.aws.statistics import Total
from emulation.layout import AWS_ACCOUNT_ID
from emulation.origin_requests import Application

# A CloudWatch metric in one period: its region, namespace, name and dimensions, and the sum, count, minimum and maximum
# of its values.
_Metric = tuple[str, str, str, Mapping[str, str], Total]


class RequestOutcomes:
    """WSGI middleware over the emulated AWS API: counts the responses of each S3 bucket by status class (2xx, 4xx,
    5xx)."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._ended: Counter[tuple[str, str]] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        bucket = addressed_bucket(environ)

        def note(status: str, headers: Any, *more: Any) -> Any:
            if bucket is not None:
                with self._lock:
                    self._ended[bucket, status[0]] += 1
            return start_response(status, headers, *more)

        return self._application(environ, note)

    def take(self) -> Mapping[tuple[str, str], int]:
        """Returns the number of S3 responses since the last call of this method, by bucket and first digit of the
        status code.
        """
        with self._lock:
            ended, self._ended = self._ended, Counter()
        return ended


class ServiceMetrics:
    """Publishes the metrics of SQS queues, S3 requests and S3 replication to the emulated CloudWatch. `waiting` returns
    the objects that S3 still has to replicate.
    """

    def __init__(self, outcomes: RequestOutcomes, waiting: Callable[[], Sequence[Waiting]]) -> None:
        self._outcomes = outcomes
        self._waiting = waiting

    def publish(self, now: float, faster: float) -> None:
        """Publishes the CloudWatch metrics of all emulated services at the time `now`.

        Time in the emulated AWS passes `faster` times as fast as real time. The metrics contain the ages of messages
        and objects in emulated time: the real ages multiplied by `faster`.
        """
        for region, namespace, name, dimensions, total in self._metrics(now, faster):
            datum = {
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                "StatisticValues": {
                    "Sum": total.sum,
                    "SampleCount": total.samples,
                    "Minimum": total.least,
                    "Maximum": total.most,
                },
            }
            cast(Any, cloudwatch_backends)[AWS_ACCOUNT_ID][region].put_metric_data(namespace, [datum])

    def _metrics(self, now: float, faster: float) -> Iterator[_Metric]:
        yield from _queue_metrics(now, faster)
        yield from self._request_metrics()
        yield from _replication_metrics(self._waiting(), now, faster)

    def _request_metrics(self) -> Iterator[_Metric]:
        """Yields the rates of 4xx and 5xx responses of each S3 bucket that has a metrics configuration and has received
        requests since the last call.
        """
        ended = self._outcomes.take()
        for name, bucket in _buckets().items():
            requests = sum(count for (of, _), count in ended.items() if of == name)
            for filter_id in names_of_metrics(bucket) if requests else ():
                dimensions = {"BucketName": name, "FilterId": filter_id}
                for metric, digit in (("4xxErrors", "4"), ("5xxErrors", "5")):
                    count = ended.get((name, digit), 0)
                    share = Total(requests, count, float(count == requests), float(count > 0))
                    yield bucket.region_name, "AWS/S3", metric, dimensions, share


def _queue_metrics(now: float, faster: float) -> Iterator[_Metric]:
    for region, backend in list(cast(Any, sqs_backends)[AWS_ACCOUNT_ID].items()):
        for queue in list(backend.queues.values()):
            waiting = [message for message in list(queue.messages) if message.visible]
            oldest = min((message.sent_timestamp / 1000 for message in waiting), default=now)
            dimensions = {"QueueName": queue.name}
            yield region, "AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions, _total_of(len(waiting))
            age = max(0.0, now - oldest) * faster
            yield region, "AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, _total_of(age)


def _replication_metrics(waiting: Sequence[Waiting], now: float, faster: float) -> Iterator[_Metric]:
    """Yields two replication metrics for each S3 replication rule with enabled metrics: the number of objects that are
    not yet copied, and the age of the oldest of these objects.
    """
    buckets = _buckets()
    for name, bucket in buckets.items():
        for rule, replica in _rules_with_metrics(bucket):
            if replica not in buckets:
                continue
            written = [each.timestamp() for of, to, each in waiting if (of, to) == (name, replica)]
            late = max(0.0, now - min(written, default=now)) * faster
            dimensions = {"SourceBucket": name, "DestinationBucket": replica, "RuleId": rule}
            region = buckets[replica].region_name
            yield region, "AWS/S3", "ReplicationLatency", dimensions, _total_of(late)
            yield region, "AWS/S3", "OperationsPendingReplication", dimensions, _total_of(len(written))


def _rules_with_metrics(bucket: Any) -> Iterator[tuple[str, str]]:
    """For each replication rule that enables metrics, yields the rule's ID and the name of the destination bucket.
    `bucket` is an S3 bucket.
    """
    kept: dict[str, Any] = getattr(bucket, "replication", None) or {}
    rules: list[dict[str, Any]] = kept.get("Rule", [])
    for rule in rules:
        destination: dict[str, Any] = rule["Destination"]
        metrics: dict[str, str] = destination.get("Metrics") or {}
        if metrics.get("Status") == "Enabled":
            yield rule["ID"], destination["Bucket"].rsplit(":", 1)[-1]


def _total_of(value: float) -> Total:
    return Total(1, value, value, value)


def _buckets() -> Mapping[str, Any]:
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    return dict(backend.buckets)
