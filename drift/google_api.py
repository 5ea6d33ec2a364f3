"""Reads lists of resources from the REST APIs of Google Cloud."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, cast

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials
from requests import HTTPError, RequestException, Response

from drift import DriftError

# Maps each Google Cloud API to three strings: its name in error messages, the environment variable that overrides its
# URL, and its URL. Pulumi's Google Cloud provider reads the same environment variables.
_APIS = {
    "compute": ("Compute Engine", "GOOGLE_COMPUTE_CUSTOM_ENDPOINT", "https://compute.googleapis.com/compute/v1/"),
    "monitoring": ("Cloud Monitoring", "GOOGLE_MONITORING_CUSTOM_ENDPOINT", "https://monitoring.googleapis.com/"),
    "pubsub": ("Pub/Sub", "GOOGLE_PUBSUB_CUSTOM_ENDPOINT", "https://pubsub.googleapis.com/v1/"),
    "run": ("Cloud Run", "GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT", "https://run.googleapis.com/v2/"),
    "spanner": ("Spanner", "GOOGLE_SPANNER_CUSTOM_ENDPOINT", "https://spanner.googleapis.com/v1/"),
    "storage": ("Cloud Storage", "GOOGLE_STORAGE_CUSTOM_ENDPOINT", "https://storage.googleapis.com/storage/v1/"),
}
# The environment variable that may contain an access token for Google Cloud. Pulumi's Google Cloud provider reads the
# same variable.
_TOKEN_VARIABLE = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105  the name of a variable
_SCOPE = "https://www.googleapis.com/auth/cloud-platform.read-only"
_TIMEOUT_SECONDS = 30


def listed(api: str, path: str, collection: str, parameters: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Yields each resource of a collection, page by page (Google's REST references, `nextPageToken`).

    `collection` is the field of the response that contains the resources. Yields nothing if the project does not use
    the API, because Google then answers with status 403 and the reason SERVICE_DISABLED.
    """
    title, variable, url = _APIS[api]
    sent = dict(parameters or {})
    try:
        with cast(Any, AuthorizedSession)(_credentials()) as session:
            while True:
                answer = session.get(os.environ.get(variable, url) + path, params=sent, timeout=_TIMEOUT_SECONDS)
                answer.raise_for_status()
                page = answer.json()
                found: Any = page.get(collection, [])
                yield from found.items() if isinstance(found, dict) else found  # pyright: ignore
                if not page.get("nextPageToken"):
                    return
                sent["pageToken"] = page["nextPageToken"]
    except (GoogleAuthError, RequestException) as error:
        if isinstance(error, HTTPError) and _is_disabled(error.response):
            return
        raise DriftError(
            f"{title}: {error}; log in with `gcloud auth application-default login`, or let the account read the "
            "project"
        ) from None


def _credentials() -> object:
    token = os.environ.get(_TOKEN_VARIABLE)
    return cast(Any, Credentials)(token) if token else cast(Any, google.auth).default(scopes=[_SCOPE])[0]


def _is_disabled(response: Response | None) -> bool:
    """Returns True if the API that gave this response is disabled in the project (google.rpc.ErrorInfo, `reason`)."""
    return response is not None and response.status_code == 403 and '"SERVICE_DISABLED"' in response.text
