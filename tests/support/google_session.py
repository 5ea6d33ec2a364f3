"""Redirects the Google API requests of the program `drift` to an emulated Google Cloud in the test's process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import httpx
import pytest

from drift import google_api

# The keys are environment variables that override the URL of a Google API. The values are the paths of these APIs in
# the emulated Google Cloud.
_PATHS = {
    "GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT": "run/v2/",
    "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": "compute/v1/",
    "GOOGLE_MONITORING_CUSTOM_ENDPOINT": "monitoring/",
    "GOOGLE_PUBSUB_CUSTOM_ENDPOINT": "pubsub/v1/",
    "GOOGLE_SPANNER_CUSTOM_ENDPOINT": "spanner/v1/",
    "GOOGLE_STORAGE_CUSTOM_ENDPOINT": "storage/v1/",
}


class GoogleSession:
    """Replaces Google's authorized HTTP session with a client of the emulated Google Cloud in this process."""

    def __init__(self, client: httpx.Client, credentials: object) -> None:
        self._client = client

    def __enter__(self) -> GoogleSession:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def get(self, url: str, *, params: Mapping[str, str], timeout: float) -> httpx.Response:
        return self._client.get(url, params=params)


def connect(patch: pytest.MonkeyPatch, client: httpx.Client) -> None:
    """Makes the drift detection (the package `drift`) send its requests for Google APIs to an emulated Google Cloud.
    `client` is the HTTP client for these requests.
    """
    for name, path in _PATHS.items():
        patch.setenv(name, f"http://googleapis.invalid/{path}")
    patch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "any")
    patch.setattr(google_api, "AuthorizedSession", partial(GoogleSession, client))
