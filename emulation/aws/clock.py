"""Sets how many seconds a minute of the emulated AWS lasts. Tests set a shorter minute, to make alarms (alarms.py) and
schedules run sooner.
"""

from __future__ import annotations

from functools import cache

import httpx

# The path at which clients read and set the number of real seconds in a minute of the emulated AWS. GET answers
# `{"minute_seconds": 60}`, and PUT accepts the same form. The number applies to periods of alarms, to schedules of
# EventBridge, and to ages in CloudWatch metrics, such as the age of an SQS message.
PATH = "/_artifact-edge/alarms"

MINUTE_SECONDS = 60.0


def minute_seconds(aws_url: str) -> float:
    """Returns how many real seconds a minute of the emulated AWS lasts. The number is 60 unless a test has changed it.

    Raises httpx.HTTPError when the emulated AWS does not answer.
    """
    return _http().get(aws_url + PATH).raise_for_status().json()["minute_seconds"]


@cache
def _http() -> httpx.Client:
    """Returns the HTTP client of this process. Some processes read the clock every second. A new client would load the
    certificates of all public authorities each time, which takes longer than the request.
    """
    return httpx.Client(trust_env=False)
