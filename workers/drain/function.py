"""Lambda function: one pass over the outbox, and what CloudWatch is told of it.

A pass ends in time and leaves the rest to the next: a function that is ended in the midst of it tells nobody why. What
it was at then is settled again; that does no harm.
"""

from __future__ import annotations

import logging
import os
import time
from functools import cache
from typing import Any, cast

import boto3
import botocore.session
from botocore.config import Config

from registry.cloudflare.api import CloudflareApi
from registry.cloudflare.cache_purge import CloudflareEdge
from registry.delivery.deliver import Delivery
from registry.delivery.metrics import CloudWatch
from registry.metadata.dynamodb import DynamoDbRepository
from registry.origin import Origin
from registry.origin.s3 import S3
from workers.cloud import client, read_secret, setting

PASS_SECONDS = 25.0
"""When a pass begins nothing more; what it is at may take as long again, if every request takes all of its time."""
_IMPATIENT = Config(connect_timeout=3, read_timeout=8, retries={"total_max_attempts": 2, "mode": "standard"})
"""The SDK's own timeouts are longer than the function's."""

_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)


def handler(event: object, context: object) -> dict[str, Any]:
    """Whatever the event is. Answers with how far the pass came."""
    report = _delivery().drain(until=time.time() + PASS_SECONDS)
    _metrics().purges(report.lag, report.dead)
    for reason in report.delayed:
        _log.warning("%s; it is tried again", reason)
    if report.delayed:
        _delivery.cache_clear()  # an API token may have been replaced
    told = {"settled": report.settled, "waiting": report.waiting, "left": report.left, "given_up": report.dead}
    _log.info("%s", told)
    return told


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
    base = os.environ.get("CLOUDFLARE_BASE_URL", "")  # as Cloudflare's own tools take it
    return CloudflareEdge(
        purges=CloudflareApi(read_secret("api_token", "PURGE_SECRET_ID"), base),
        entries=CloudflareApi(read_secret("api_token", "KV_SECRET_ID"), base),
        zone_id=lambda: setting("ZONE_ID"),
        account_id=setting("ACCOUNT_ID"),
        namespace_id=setting("NAMESPACE_ID"),
        shields=[f"{name}{setting('SHIELD_SUFFIX')}" for name in setting("SHIELDS").split(",")],
    )


@cache
def _metrics() -> CloudWatch:
    return CloudWatch(setting("ENVIRONMENT"), os.environ["AWS_REGION"])


def _session() -> None:
    """Has all clients made from now on give up early."""
    session = botocore.session.get_session()
    session.set_default_client_config(_IMPATIENT)
    cast(Any, boto3).setup_default_session(botocore_session=session)
