"""Times as they are kept and compared: ISO 8601, UTC, so that the order of texts is the order of times."""

from __future__ import annotations

from datetime import UTC, datetime

_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"


def now() -> str:
    return datetime.now(UTC).strftime(_FORM)


def seconds_of(time: str) -> float:
    """Since 1970."""
    return datetime.strptime(time, _FORM).replace(tzinfo=UTC).timestamp()
