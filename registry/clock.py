"""Writes times as ISO 8601 strings in UTC. The alphabetical order of the strings is the order of the times."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"
# Matches an ISO 8601 time that ends with `Z` and is therefore in UTC. Other package registries write times in this
# form, which the function `in_utc` returns unchanged.
_IN_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")


def now() -> str:
    """Returns the current time, such as `2026-01-01T00:00:00.000000Z`."""
    return datetime.now(UTC).strftime(_FORM)


def in_utc(text: str) -> str:
    """Converts an ISO 8601 time to UTC, such as a time from another registry.

    Returns an empty string if `text` is not an ISO 8601 time, or if the time has no UTC offset and is therefore
    ambiguous.
    """
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            return ""
        return text if _IN_UTC.fullmatch(text) else time.astimezone(UTC).strftime(_FORM)
    except (ValueError, OverflowError):
        return ""


def seconds_of(time: str) -> float:
    """Returns the Unix time, in seconds, of an ISO 8601 time. The text must have the form that the function `now`
    returns.
    """
    return datetime.strptime(time, _FORM).replace(tzinfo=UTC).timestamp()
