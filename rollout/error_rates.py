"""Counts the requests and errors of each version of the edge worker, in what Workers Logs has stored.

Cloudflare writes an event for each invocation of a worker, with its version, outcome and the status of its response,
and keeps the share of events that the setting `edge.log_sampling` names.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

from cloudflare import Cloudflare

from rollout.verdict import Counts

_VERSION = "$workers.scriptVersion.id"
# The outcomes of invocations that failed without a response. Clients that go away make other outcomes than `ok` too.
_FAILED = "exception,exceededCpu,exceededMemory"


class ErrorRates:
    """Reads the counts for the script `script`. `api` is a client with an API token that may query Workers
    Observability.
    """

    def __init__(self, api: Cloudflare, account_id: str, script: str) -> None:
        self._api = cast(Any, api)
        self._account_id = account_id
        self._script = script

    def since(self, start: datetime) -> dict[str, Counts]:
        """Returns the counts of each version by its id, from the time `start` until now.

        Cloudflare keeps a sample of all events. The counts are those of the stored events, because a statistical test
        of extrapolated numbers would claim too much.
        """
        timeframe = {"from": int(start.timestamp() * 1000), "to": int(time.time() * 1000)}
        failed = {
            "kind": "group",
            "filterCombination": "or",
            "filters": [
                {"key": "$workers.event.response.status", "operation": "gte", "type": "number", "value": 500},
                {"key": "$workers.outcome", "operation": "in", "type": "string", "value": _FAILED},
            ],
        }
        # Events arrive while the queries run. Errors are counted first, so they are never more than the requests.
        errors = self._counted(timeframe, [failed])
        requests = self._counted(timeframe, [])
        return {id: Counts(number, min(number, errors.get(id, 0))) for id, number in requests.items()}

    def _counted(self, timeframe: dict[str, int], filters: list[dict[str, Any]]) -> dict[str, int]:
        """Returns the number of stored invocations of each version that meet the filters."""
        of_script = [
            {"key": "$metadata.service", "operation": "eq", "type": "string", "value": self._script},
            {"key": "$metadata.type", "operation": "eq", "type": "string", "value": "cf-worker-event"},
        ]
        answer = self._api.workers.observability.telemetry.with_raw_response.query(
            account_id=self._account_id,
            query_id="artifact-edge-rollout",
            timeframe=timeframe,
            view="calculations",
            dry=True,
            parameters={
                "datasets": ["cloudflare-workers"],
                "filters": [*of_script, *filters],
                "filter_combination": "and",
                "calculations": [{"operator": "count"}],
                "group_bys": [{"type": "string", "value": _VERSION}],
            },
        )
        found: dict[str, int] = {}
        for aggregate in answer.json()["result"]["calculations"][0]["aggregates"]:
            version = next(group["value"] for group in aggregate["groups"] if group["key"] == _VERSION)
            found[version] = round(aggregate["count"] / aggregate["sampleInterval"])
        return found
