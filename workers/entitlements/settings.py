"""Settings of the services on Google Cloud, from the environment variables that infra/entitlements sets."""

from __future__ import annotations

import os

from workers.entitlements.spanner import Spanner
from workers.foreign_secret import ForeignSecret
from workers.google import Identity


def setting(name: str) -> str:
    return os.environ[name]


def api(name: str) -> str:
    """Returns the address of a Google API that an environment variable sets, or an empty string if the service must use
    the public address. gcloud reads the same variable (`gcloud topic configurations`, api_endpoint_overrides).
    """
    return os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}", "")


def spanner(identity: Identity) -> Spanner:
    return Spanner(setting("DATABASE"), identity.access_token, api("spanner"))


def secret(identity: Identity) -> ForeignSecret:
    return ForeignSecret(setting("SECRET_ID"), setting("SECRET_REGION"), setting("AWS_ROLE_ARN"), identity)
