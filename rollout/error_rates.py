"""Counts the requests and errors of each version of the edge worker, from the events in Cloudflare's Workers Logs.

For each invocation of a worker, Cloudflare creates an event with the worker's version, the outcome of the invocation,
and the status of the response. Workers Logs stores a sample of these events. The setting `edge.log_sampling` is the
share of the events that is stored.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

from cloudflare import Cloudflare

from rollout.verdict import Counts

_VERSION = "$workers.scriptVersion.id"
# The outcomes that count as errors. In each case, the worker failed and the client got no response. Other outcomes,
# such as a connection that the client closed, are not errors.
_FAILED = "exception,exceededCpu,exceededMemory"


class ErrorRates:
    """Counts the requests and errors of the worker script `script`. The API token of the client `api` must have the
    permission to query Workers Observability.
    """

    def __init__(self, api: Cloudflare, account_id: str, script: str) -> None:
        self._api = cast(Any, api)
        self._account_id = account_id
        self._script = script

    def since(self, start: datetime) -> dict[str, Counts]:
        """Returns the numbers of requests and errors of each version of the edge worker, from the time `start` until
        now. The keys of the result are the versions' ids.

        Workers Logs stores only a sample of the events. Cloudflare's API can extrapolate from this sample to all
        events, but this method counts only the stored events. Extrapolated numbers would make a statistical test more
        certain than the sample permits.
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
        # One query counts errors, and another query counts requests. New events arrive between the two queries. The
        # query for errors comes first. Otherwise it could count an error whose request the other query has not counted.
        errors = self._counted(timeframe, [failed])
        requests = self._counted(timeframe, [])
        return {id: Counts(number, min(number, errors.get(id, 0))) for id, number in requests.items()}

    def _counted(self, timeframe: dict[str, int], filters: list[dict[str, Any]]) -> dict[str, int]:
        """Returns the number of stored log events that match the filters, for each version of the worker. The keys are
        the ids of the versions.
        """
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
