"""How long a minute of the emulated AWS lasts: the knob that makes alarms (alarms.py) and schedules quick in tests."""

from __future__ import annotations

import httpx

PATH = "/_artifact-edge/alarms"
"""GET answers `{"minute_seconds": 60}`. PUT of another number has CloudWatch's minute last so long, and so each period
of an alarm, and the minutes of EventBridge's schedules; the ages that other services of AWS tell it grow as much
faster."""

MINUTE_SECONDS = 60.0


def minute_seconds(aws_url: str) -> float:
    """How long a minute lasts now. Raises httpx's errors."""
    return httpx.get(aws_url + PATH, trust_env=False).raise_for_status().json()["minute_seconds"]
