"""Imitates the tokens that GitHub Actions issues to the jobs of a repository. A workload identity provider of Google
Cloud checks these tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bootstrap.roles import ISSUER, Repository

PROVIDER_NAME = "projects/1234567890/locations/global/workloadIdentityPools/github/providers/artifact-edge"
REPOSITORY = Repository("acme/artifact-edge", owner_id="123456", repository_id="456789")
WITH_IDS = "repo:acme@123456/artifact-edge@456789"
WITHOUT_IDS = "repo:acme/artifact-edge"


def claims(subject: str = WITH_IDS, environment: str | None = "prod", **changes: str) -> Mapping[str, Any]:
    """Returns the claims of the token that GitHub issues to a job of the tests' repository. `changes` overrides claims.
    With it, a test can imitate tokens of other repositories.

    Source: GitHub Docs, "OpenID Connect reference". A token has the claim `environment` only if the job has a GitHub
    environment.
    """
    of_environment = {"environment": environment} if environment else {}
    return {
        "iss": f"https://{ISSUER}",
        "aud": f"https://iam.googleapis.com/{PROVIDER_NAME}",
        "sub": f"{subject}:environment:{environment}" if environment else f"{subject}:pull_request",
        "repository": "acme/artifact-edge",
        "repository_id": "456789",
        "repository_owner": "acme",
        "repository_owner_id": "123456",
        "event_name": "push",
        **of_environment,
        **changes,
    }
