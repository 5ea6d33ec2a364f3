"""Parses durations as the clouds write them: a number and a unit, such as `7d` or `604800s`."""

from __future__ import annotations

DAY_SECONDS = 24 * 3600
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY_SECONDS}


def seconds_of(duration: str) -> float:
    """Returns the number of seconds in a duration such as `7d`. Returns 0 for an invalid duration. A mistake therefore
    never satisfies a minimum duration.
    """
    try:
        return float(duration[:-1]) * _UNITS[duration[-1:]]
    except (ValueError, KeyError):
        return 0
