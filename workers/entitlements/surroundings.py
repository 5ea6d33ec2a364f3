"""What the services on Google Cloud know of where they run; infra/entitlements sets these variables."""

from __future__ import annotations

import os

from workers.entitlements.spanner import Spanner
from workers.foreign_secret import ForeignSecret
from workers.google import Identity


def setting(name: str) -> str:
    return os.environ[name]


def api(name: str) -> str:
    """Where one of Google's APIs is, if not at its public address: the variable is gcloud's own (`gcloud topic
    configurations`, api_endpoint_overrides)."""
    return os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}", "")


def spanner(identity: Identity) -> Spanner:
    return Spanner(setting("DATABASE"), identity.access_token, api("spanner"))


def secret(identity: Identity) -> ForeignSecret:
    return ForeignSecret(setting("SECRET_ID"), setting("SECRET_REGION"), setting("AWS_ROLE_ARN"), identity)
