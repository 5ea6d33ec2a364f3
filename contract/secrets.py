"""Names of the secrets in AWS Secrets Manager that an environment's tiers share, and the fields in them.

docs/contracts.md, "Between the tiers", says who writes and who reads each.
"""

from __future__ import annotations

from typing import Literal

PROJECT = "artifact-edge"

# `authority` holds the certificate authorities; no machine reads it. `npm-signing` is for those who publish. People
# write `cloudflare` and `cloudflare-read` by hand, and only the pipelines read them (docs/deploying.md).
SecretName = Literal[
    "authority",
    "shield",
    "edge",
    "metadata-api",
    "npm-signing",
    "edge-kv",
    "edge-purge",
    "cloudflare",
    "cloudflare-read",
]


def secret_id(environment: str, name: SecretName) -> str:
    """Returns the full name of an environment's secret."""
    return f"{PROJECT}/{environment}/{name}"


def secret_pattern(environment: str) -> str:
    """Returns the IAM pattern that matches all secrets of an environment."""
    return f"{PROJECT}/{environment}/*"
