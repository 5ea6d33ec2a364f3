"""Searches Cloud Monitoring for resources by their inputs, for the resource types that have no unique names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, cast

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from drift import DriftError
from drift.identifiers import Inputs

# The environment variable that overrides the URL of Cloud Monitoring's API. Pulumi's provider reads the same variable.
_ENDPOINT_VARIABLE = "GOOGLE_MONITORING_CUSTOM_ENDPOINT"
_ENDPOINT = "https://monitoring.googleapis.com/"
_SCOPE = "https://www.googleapis.com/auth/monitoring.read"
_TIMEOUT_SECONDS = 30


def policies(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the alerting policies with the same name and labels as a given policy."""
    return _named("v3", "alertPolicies", inputs, ("displayName", "userLabels"))


def channels(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the notification channels that have the same name, and notify the same address, as a given
    channel.
    """
    return _named("v3", "notificationChannels", inputs, ("displayName", "type", "labels"))


def dashboards(inputs: Inputs) -> Iterator[str]:
    """Yields the IDs of the dashboards with the same name as a given dashboard."""
    shown = json.loads(inputs["dashboardJson"])
    return _named("v1", "dashboards", {**shown, "project": inputs["project"]}, ("displayName",))


def _named(version: str, collection: str, inputs: Inputs, fields: tuple[str, ...]) -> Iterator[str]:
    """Yields the IDs of the resources in a collection whose fields have the same values as in the inputs."""
    for each in _listed(f"{version}/projects/{inputs['project']}/{collection}", collection):
        if all(each.get(name) == inputs.get(name) for name in fields):
            yield each["name"]


def _listed(path: str, collection: str) -> Iterator[Mapping[str, Any]]:
    """Yields each resource of a collection, page by page (Cloud Monitoring REST reference, `nextPageToken`)."""
    url, parameters = os.environ.get(_ENDPOINT_VARIABLE, _ENDPOINT) + path, dict[str, str]()
    try:
        credentials, _ = cast(Any, google.auth).default(scopes=[_SCOPE])
        with AuthorizedSession(credentials) as session:
            while True:
                answer = cast(Any, session).get(url, params=parameters, timeout=_TIMEOUT_SECONDS)
                answer.raise_for_status()
                page = answer.json()
                yield from page.get(collection, [])
                if not page.get("nextPageToken"):
                    return
                parameters = {"pageToken": page["nextPageToken"]}
    except (GoogleAuthError, RequestException) as error:
        raise DriftError(
            f"Cloud Monitoring: {error}; log in with `gcloud auth application-default login`, or let the account read "
            "the project"
        ) from None
