"""Names of the secrets in AWS Secrets Manager that an environment's tiers share, and names of the fields of these
secrets. A tier is a part of the system, such as the edge.

docs/contracts.md, "Between the tiers", says which tier writes and which tier reads each secret.
"""

from __future__ import annotations

from typing import Literal

PROJECT = "artifact-edge"

# The names of an environment's secrets. The secret `authority` holds the private key of the certificate authority, so
# no machine reads it. The commands that publish read `npm-signing` and `purge-signing`. Operators write `cloudflare`
# and `cloudflare-read` by hand, and only the deployment pipelines read these two secrets (docs/deploying.md).
SecretName = Literal[
    "authority",
    "shield",
    "edge",
    "metadata-api",
    "npm-signing",
    "edge-kv",
    "purge-signing",
    "cloudflare",
    "cloudflare-read",
]

# The secrets that PoP machines read.
POP_SECRETS: tuple[SecretName, ...] = ("edge", "metadata-api", "purge-signing")


def secret_id(environment: str, name: SecretName) -> str:
    """Returns the full name of an environment's secret in AWS Secrets Manager."""
    return f"{PROJECT}/{environment}/{name}"


def secret_pattern(environment: str) -> str:
    """Returns the wildcard pattern that matches the names of all secrets of an environment, for IAM policies."""
    return f"{PROJECT}/{environment}/*"
