"""Checks requests to the emulated Cloud Storage: the preconditions in the request, and the retention that protects an
object from deletion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from emulation.gcp.catalog import Json, Refused

_MOST_DAYS = 36_500
_MODES = ("Unlocked", "Locked")


@dataclass(frozen=True)
class Conditions:
    """The preconditions of one request to Cloud Storage. `generation` is the generation that the object must have. The
    generation 0 means that the object must not exist.

    Source: Cloud Storage, "Request preconditions".
    """

    generation: int | None = None
    not_generation: int | None = None
    metageneration: int | None = None

    @classmethod
    def from_query(cls, arguments: Mapping[str, str], prefix: str = "if") -> Conditions:
        """Reads the preconditions from the query string of a Cloud Storage request. The names of the query parameters
        begin with `prefix`, which is `ifSource` for the source of a copy and `if` otherwise.

        Raises Refused when a value is not a number.
        """

        def number(name: str) -> int | None:
            text = arguments.get(f"{prefix}{name}")
            if text is not None and not text.isdecimal():
                raise Refused(400, f"Invalid value '{text}' for {prefix}{name}")
            return None if text is None else int(text)

        return cls(number("GenerationMatch"), number("GenerationNotMatch"), number("MetagenerationMatch"))

    def expect(self, there: Json | None) -> None:
        """Raises Refused when an object of Cloud Storage does not meet the preconditions. `there` is the object's
        metadata, or None if the object does not exist."""
        generation = int(there["generation"]) if there else 0
        if self.generation is not None and self.generation != generation:
            raise Refused(412, "At least one of the pre-conditions you specified did not hold: ifGenerationMatch")
        if self.not_generation is not None and self.not_generation == generation:
            raise Refused(412, "At least one of the pre-conditions you specified did not hold: ifGenerationNotMatch")
        if self.metageneration is not None and there and self.metageneration != int(there["metageneration"]):
            raise Refused(412, "At least one of the pre-conditions you specified did not hold: ifMetagenerationMatch")


def expect_deletable(version: Json, now: float) -> None:
    """Raises Refused while a retention configuration protects a version of a Cloud Storage object from deletion.

    A change that only makes the version noncurrent needs no check, because the bucket keeps noncurrent versions.
    """
    retention = version.get("retention")
    if retention and seconds(retention["retainUntilTime"]) > now:
        raise Refused(
            403,
            f"Object '{version['bucket']}/{version['name']}' is subject to a retention configuration and cannot be"
            f" deleted or overwritten until {retention['retainUntilTime']}",
        )


def checked_retention(bucket: Json, old: Json | None, new: Json | None, now: float, *, override: bool) -> Json | None:
    """Checks a change of a Cloud Storage object's retention from `old` to `new`, and returns `new`. Raises Refused when
    the bucket or the old retention does not permit the change."""
    if new is not None:
        _expect_well_formed(bucket, new, now)
    if old is not None and old != new:
        shorter = new is None or seconds(new["retainUntilTime"]) < seconds(old["retainUntilTime"])
        if old["mode"] == "Locked" and (shorter or (new or {})["mode"] != "Locked"):
            raise Refused(403, "A Locked retention configuration can only be extended")
        if shorter and not override:
            raise Refused(403, "An Unlocked retention configuration is reduced with overrideUnlockedRetention only")
    return new


def _expect_well_formed(bucket: Json, retention: Json, now: float) -> None:
    if bucket.get("objectRetention", {}).get("mode") != "Enabled":
        raise Refused(400, f"The bucket '{bucket['name']}' does not have object retention enabled")
    if retention.keys() != {"mode", "retainUntilTime"} or retention["mode"] not in _MODES:
        raise Refused(400, "retention takes mode (Unlocked or Locked) and retainUntilTime")
    ahead = seconds(retention["retainUntilTime"]) - now
    if not 0 < ahead <= _MOST_DAYS * 86_400:
        raise Refused(400, "retainUntilTime must be in the future, and within 100 years")


def seconds(text: str) -> float:
    """Converts an RFC 3339 time in a Cloud Storage request to seconds since 1970. Raises Refused when `text` is not
    a valid time.
    """
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Refused(400, f"Invalid value for time: '{text}'") from None


def written(at: float) -> str:
    """Converts a time in seconds since 1970 to the format of the Cloud Storage API: RFC 3339 in UTC with
    milliseconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
