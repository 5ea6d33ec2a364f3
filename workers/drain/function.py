"""The Lambda function of the outbox relay, which delivers published changes from the outbox to readers. Each invocation
makes one pass over the outbox and reports metrics to CloudWatch.

A pass stops before the function's timeout and leaves the remaining changes to the next pass. If the function timed out,
it could not report the reason. The next pass may deliver a change again. A repeated delivery does no harm.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import boto3
import botocore.session
from botocore.config import Config

from registry.cloudflare.api import CloudflareApi
from registry.cloudflare.cache_purge import CloudflareEdge, WorkerPurges
from registry.cloudflare.edge_http import edge_http
from registry.delivery.deliver import Delivery
from registry.delivery.metrics import CloudWatch
from registry.metadata.dynamodb import DynamoDbRepository
from registry.origin import Origin
from registry.origin.s3 import S3
from workers.cloud import client, read_secret, setting

# The time limit, in seconds, after which a pass of the outbox relay starts no further delivery of published changes. A
# delivery that starts just before the limit may take another 25 seconds, if every request takes its full timeout.
PASS_SECONDS = 25.0
# Timeouts of AWS requests in seconds. The SDK's default timeouts are longer than the Lambda function's timeout.
_SHORT_TIMEOUTS = Config(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 2, "mode": "standard"})

_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)


def handler(event: object, context: object) -> dict[str, Any]:
    """Makes one pass over the outbox for a scheduled invocation of the Lambda function, and reports metrics. The pass
    starts deliveries of changes for at most PASS_SECONDS. Returns the counts of changes from the report of the pass
    (`PassReport`). Ignores the content of the event.
    """
    report = _delivery().drain(until=time.time() + PASS_SECONDS)
    _metrics().purges(report.lag, report.dead)
    _metrics().edge_certificate(_days_until(setting("EDGE_CERTIFICATE_EXPIRES")))
    for reason in report.delayed:
        _log.warning("%s; the next pass retries it", reason)
    if report.delayed:
        # makes the next invocation read the Cloudflare API token again, because an operator may have replaced the token
        _delivery.cache_clear()
    counts = {
        "settled": report.delivered,
        "waiting": report.waiting,
        "later": report.limited,
        "left": report.left,
        "given_up": report.dead,
    }
    _log.info("%s", counts)
    return counts


def _days_until(time: str) -> float:
    return (datetime.fromisoformat(time) - datetime.now(UTC)).total_seconds() / 86_400


@cache
def _delivery() -> Delivery:
    _session()
    return Delivery(
        DynamoDbRepository(setting("TABLE"), os.environ["AWS_REGION"]),
        Origin(S3(client("s3", setting("BUCKET_REGION")), setting("BUCKET"))),
        _edge(),
        setting("URL"),
    )


def _edge() -> CloudflareEdge:
    # The variable CLOUDFLARE_BASE_URL overrides the address of Cloudflare's API. Cloudflare's own tools read it, too.
    base = os.environ.get("CLOUDFLARE_BASE_URL", "")
    return CloudflareEdge(
        purges=WorkerPurges(setting("URL"), lambda: read_secret("key", "PURGE_SECRET_ID"), edge_http(setting("URL"))),
        entries=CloudflareApi(read_secret("api_token", "KV_SECRET_ID"), base),
        account_id=setting("ACCOUNT_ID"),
        namespace_id=setting("NAMESPACE_ID"),
    )


@cache
def _metrics() -> CloudWatch:
    return CloudWatch(setting("ENVIRONMENT"), os.environ["AWS_REGION"])


def _session() -> None:
    """Sets short timeouts for all AWS clients that the program creates afterwards."""
    session = botocore.session.get_session()
    session.set_default_client_config(_SHORT_TIMEOUTS)
    cast(Any, boto3).setup_default_session(botocore_session=session)
