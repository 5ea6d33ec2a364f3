"""The length of the emulated AWS's minute. Tests shorten the minute so that alarms (alarms.py) and schedules run
quickly."""

from __future__ import annotations

import httpx

# GET answers `{"minute_seconds": 60}`. PUT of another number changes the length of a minute, for the periods of alarms
# and the schedules of EventBridge. The ages in metrics that other AWS services report grow faster by the same factor.
PATH = "/_artifact-edge/alarms"

MINUTE_SECONDS = 60.0


def minute_seconds(aws_url: str) -> float:
    """Returns the current length of a minute in seconds. Raises httpx.HTTPError."""
    return httpx.get(aws_url + PATH, trust_env=False).raise_for_status().json()["minute_seconds"]
