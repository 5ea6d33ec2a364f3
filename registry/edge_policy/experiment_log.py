"""Reads the requests of an experiment from logs of the edge worker (workers/edge/src/request_log.ts).

The worker logs one event for each request. Each line of a log is one JSON value. In the log of workerd, this value is
the event itself. In the other logs, the value contains events. These logs are Cloudflare's Workers Trace Events, the
output of `wrangler tail --format json`, and exports of Workers Logs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

_MARK = '"request"'


@dataclass(frozen=True, slots=True)
class Request:
    """One client request in the log of an experiment.

    `subject` is a number that identifies the client. `tier` is the part of the network that answered, such as `edge`,
    or None if the response contains no object. `size` is the number of bytes of the body, or None if the log does not
    state it. `first_byte` is the time until the headers of the response, in milliseconds.
    """

    variant: str
    subject: int
    status: int
    tier: str | None
    size: int | None
    first_byte: float


def events(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Yields the events of client requests in the lines of the edge worker's log. Ignores all other lines."""
    for line in lines:
        if _MARK not in line.replace("\\", ""):
            continue
        try:
            yield from _within(json.loads(line))
        except (ValueError, RecursionError):
            continue


def _within(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yields the request events in a JSON value, at any depth. Log services wrap the lines that programs print in JSON
    of their own, so a string in the value may itself be an event in JSON.
    """
    if isinstance(value, str) and value.startswith("{") and _MARK in value:
        yield from _within(json.loads(value))
    elif isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _within(each)
    elif isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        if fields.get("event") == "request" and isinstance(fields.get("variants"), dict):
            yield fields
            return
        for each in fields.values():
            yield from _within(each)


def request_in(event: Mapping[str, Any], experiment: str) -> Request | None:
    """Returns the request that a log event describes. Returns None if the request's client does not take part in the
    experiment.
    """
    try:
        variant, subject = event["variants"].get(experiment), event["subjects"].get(experiment)
        if not isinstance(variant, str) or not isinstance(subject, int):
            return None
        size = event["bytes"]
        tier = event["tier"]
        return Request(
            variant,
            subject,
            int(event["status"]),
            None if tier is None else str(tier).split(";")[0],
            None if size is None else int(size),
            float(event["first_byte_ms"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
