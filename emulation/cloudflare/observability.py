"""Emulates Workers Observability: PoPs report the invocations of worker scripts, and the API counts them. The reports
exist in memory only.

Sources: developers.cloudflare.com/workers/observability/logs/workers-logs ("Invocation logs", "Head-based sampling")
and the API reference, "Workers", "Observability", "Telemetry", "Run a query". The field names come from the API
reference and developers.cloudflare.com/logs/reference/log-fields/account/workers_trace_events.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flask import Blueprint, Flask, Response, request

from emulation.cloudflare.envelope import ApiError, Json, body, new_id, success, take
from emulation.cloudflare.kv_service import SECRET_HEADER

HEADER = "X-Edge-Telemetry"
# The number of seconds for which the emulated Workers Observability keeps reported invocations.
KEPT_SECONDS = 3600

Event = Mapping[str, Any]
_FIELDS = frozenset(
    {
        "$metadata.service",
        "$metadata.type",
        "$workers.scriptName",
        "$workers.scriptVersion.id",
        "$workers.outcome",
        "$workers.event.response.status",
    }
)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, wanted: found == wanted,
    "neq": lambda found, wanted: found != wanted,
    "gte": lambda found, wanted: found is not None and found >= wanted,
    "lt": lambda found, wanted: found is not None and found < wanted,
    "in": lambda found, wanted: found in str(wanted).split(","),
}


class Invocations:
    """The invocations of worker scripts that PoPs have reported. A PoP combines invocations with the same properties,
    such as script and status, into one event. Each entry contains the time of the report, the event, and the number of
    invocations that the event combines.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._events: list[tuple[float, Event, int]] = []

    def add(self, reported: Sequence[Json]) -> None:
        """Stores reported invocations with the current time. One report covers all invocations with the same script,
        version, outcome, sampling rate and response status. The field `number` of a report is the number of these
        invocations. The response status is missing if there was no response.
        """
        now = self._clock()
        with self._lock:
            while self._events and self._events[0][0] < now - KEPT_SECONDS:
                self._events.pop(0)
            self._events += [(now, _event(each), each["number"]) for each in reported]

    def between(self, start: float, end: float) -> Iterator[tuple[Event, int]]:
        """Yields the reported events of worker scripts from `start` to `end`, in milliseconds since 1970. Each event
        comes with the number of invocations that it represents.
        """
        with self._lock:
            found = list(self._events)
        for at, event, number in found:
            if start <= at * 1000 <= end:
                yield event, number


def create_service(invocations: Invocations, secret: str) -> Flask:
    """Returns the WSGI application to which PoPs report invocations.

    Each request must contain `secret` in the header X-Edge-Secret.
    """
    service = Flask(__name__)

    @service.post("/invocations")
    def add() -> tuple[str, int]:
        if not hmac.compare_digest(request.headers.get(SECRET_HEADER, ""), secret):
            return "not a PoP of this network", 403
        invocations.add(json.loads(request.get_data()))
        return "", 204

    return service


def blueprint(invocations: Invocations) -> Blueprint:
    """Returns the API endpoint that counts invocations of worker scripts, below
    /accounts/<account>/workers/observability.
    """
    telemetry = Blueprint("telemetry", __name__, url_prefix="/accounts/<account>/workers/observability/telemetry")

    @telemetry.post("/query")
    def query(account: str) -> Response:
        given = take(body(), required=["queryId", "timeframe", "view", "parameters"], optional=["dry"])
        if given["view"] != "calculations":
            raise ApiError(501, 10405, f"not emulated: the view {given['view']} (only calculations)")
        frame = take(given["timeframe"], required=["from", "to"])
        if not frame["from"] < frame["to"]:
            raise ApiError(400, 10001, "timeframe: `from` must be earlier than `to`")
        aggregates = _counted(invocations.between(frame["from"], frame["to"]), given["parameters"])
        run = {"id": new_id(), "accountId": account, "dry": bool(given.get("dry")), "status": "COMPLETED"}
        calculation = {"calculation": "COUNT", "aggregates": aggregates, "series": []}
        return success({"run": run, "statistics": {"elapsed": 0}, "calculations": [calculation]})

    return telemetry


def _event(reported: Json) -> Event:
    given = take(reported, required=["script", "version", "outcome", "sampling", "number"], optional=["status"])
    return {
        "$metadata.service": given["script"],
        "$metadata.type": "cf-worker-event",
        "$workers.scriptName": given["script"],
        "$workers.scriptVersion.id": given["version"],
        "$workers.outcome": given["outcome"],
        "$workers.event.response.status": given.get("status"),
        "interval": 1 / given["sampling"],
    }


def _counted(events: Iterator[tuple[Event, int]], parameters: Json) -> list[Json]:
    """Returns the number of invocations of worker scripts in each group. The number is an estimate, because sampling
    stores only some of the invocations.

    An event belongs to no group if one of the fields in `groupBys` has no value in the event. This is a guess, because
    Cloudflare does not document the case.
    """
    options = ["datasets", "filterCombination", "groupBys"]
    given = take(parameters, required=["filters", "calculations"], optional=options)
    if given["calculations"] != [{"operator": "count"}]:
        raise ApiError(501, 10405, f"not emulated: calculations {given['calculations']} (only one count)")
    fields = [_field(take(each, required=["type", "value"])["value"]) for each in given.get("groupBys", [])]
    accepts = _combined(given["filters"], given.get("filterCombination", "and"))
    stored: Counter[tuple[Any, ...]] = Counter()
    estimated: Counter[tuple[Any, ...]] = Counter()
    for event, number in events:
        group = tuple(event[field] for field in fields)
        if None not in group and accepts(event):
            stored[group] += number
            estimated[group] += number * event["interval"]
    return [
        {
            "count": estimated[group],
            "value": estimated[group],
            "interval": estimated[group] / number,
            "sampleInterval": estimated[group] / number,
            "groups": [{"key": field, "value": value} for field, value in zip(fields, group, strict=True)],
        }
        for group, number in stored.items()
    ]


def _combined(filters: Sequence[Json], combination: str) -> Callable[[Event], bool]:
    tests = [_filter(each) for each in filters]
    if combination not in ("and", "or"):
        raise ApiError(501, 10405, f"not emulated: the combination {combination} of filters (only and, or)")
    joined = all if combination == "and" else any
    return lambda event: joined(test(event) for test in tests)


def _filter(given: Json) -> Callable[[Event], bool]:
    if given.get("kind") == "group":
        group = take(given, required=["kind", "filterCombination", "filters"])
        return _combined(group["filters"], group["filterCombination"])
    leaf = take(given, required=["key", "operation", "type", "value"])
    field, compare = _field(leaf["key"]), _COMPARISONS.get(leaf["operation"])
    if compare is None:
        known = ", ".join(_COMPARISONS)
        raise ApiError(501, 10405, f"not emulated: the operation {leaf['operation']} of a filter (only {known})")
    return lambda event: compare(event[field], leaf["value"])


def _field(name: str) -> str:
    if name not in _FIELDS:
        raise ApiError(501, 10405, f"not emulated: the field {name} of an event (only {', '.join(sorted(_FIELDS))})")
    return name
