"""Times as ISO 8601 texts in UTC. The texts sort in the order of the times."""

from __future__ import annotations

from datetime import UTC, datetime

_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


def now() -> str:
    """Returns the current time, such as `2026-01-01T00:00:00.000000Z`."""
    return datetime.now(UTC).strftime(_FORM)


def seconds_of(time: str) -> float:
    """Returns the Unix time in seconds of an ISO 8601 text in the form that the function `now` returns."""
    return datetime.strptime(time, _FORM).replace(tzinfo=UTC).timestamp()
