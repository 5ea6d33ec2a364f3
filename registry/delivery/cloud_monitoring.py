"""Reports custom metrics to Google's Cloud Monitoring, for the alarms of infra/publishing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from contract.metrics import GIVEN_UP, GOOGLE_RESOURCE, GOOGLE_TYPES, PUBLISH_TO_VISIBLE, PURGE_LAG
from registry import RegistryError

# This environment variable overrides the URL of Cloud Monitoring's API. Pulumi's Google Cloud provider reads it, too.
ENDPOINT_VARIABLE = "GOOGLE_MONITORING_CUSTOM_ENDPOINT"
_ENDPOINT = "https://monitoring.googleapis.com/"
_SCOPE = "https://www.googleapis.com/auth/monitoring.write"
# The maximum number of time series in one request (Cloud Monitoring, "Quotas and limits").
_AT_ONCE = 200
# The timeout of a request to Cloud Monitoring, in seconds.
_TIMEOUT_SECONDS = 30


class CloudMonitoring:
    """Reports an environment's custom metrics to Cloud Monitoring. The metrics go to the Google Cloud project that also
    has the alarms and the metadata database.

    The Application Default Credentials need the role `roles/monitoring.metricWriter`. Methods raise RegistryError if
    Google refuses a request or does not answer.
    """

    def __init__(self, environment: str, project: str) -> None:
        self._environment = environment
        self._project = project

    def purges(self, lag: float, given_up: int) -> None:
        """Reports two metrics: `lag`, the age in seconds of the oldest undelivered change, and `given_up`, the number
        of changes that the registry no longer tries to deliver.
        """
        self._write([self._series(PURGE_LAG, lag), self._series(GIVEN_UP, given_up)])

    def publish_to_visible(self, seconds: Mapping[tuple[str, str], float]) -> None:
        """Writes the metric that shows how long readers wait for a change. The values are the seconds from the change's
        commit until each origin bucket, shield or edge served the change.

        A key of `seconds` is a pair: the tier (`origin`, `shield` or `edge`), and the name of the bucket, shield
        (regional cache) or edge. The method does not write the maximum of the values, because the alarm in Cloud
        Monitoring computes it.
        """
        self._write(
            [
                self._series(PUBLISH_TO_VISIBLE, value, {"tier": tier, "place": place})
                for (tier, place), value in seconds.items()
            ]
        )

    def _series(self, name: str, value: float, labels: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        return {
            "metric": {"type": GOOGLE_TYPES[name], "labels": {"environment": self._environment, **(labels or {})}},
            "resource": {"type": GOOGLE_RESOURCE, "labels": {"project_id": self._project}},
            "points": [
                {"interval": {"endTime": datetime.now(UTC).isoformat()}, "value": {"doubleValue": float(value)}}
            ],
        }

    def _write(self, series: Sequence[Mapping[str, Any]]) -> None:
        try:
            credentials, _ = cast(Any, google.auth).default(scopes=[_SCOPE])
            with AuthorizedSession(credentials) as session:
                for start in range(0, len(series), _AT_ONCE):
                    self._post(session, series[start : start + _AT_ONCE])
        except (GoogleAuthError, RequestException) as error:
            raise RegistryError(
                f"Cloud Monitoring of project {self._project}: {error}; log in with "
                "`gcloud auth application-default login`"
            ) from None

    def _post(self, session: Any, series: Sequence[Mapping[str, Any]]) -> None:
        url = f"{os.environ.get(ENDPOINT_VARIABLE, _ENDPOINT)}v3/projects/{self._project}/timeSeries"
        answer = session.post(url, json={"timeSeries": series}, timeout=_TIMEOUT_SECONDS)
        if not answer.ok:
            raise RegistryError(
                f"Cloud Monitoring of project {self._project}: {answer.status_code} {answer.text.strip()}"
            )
