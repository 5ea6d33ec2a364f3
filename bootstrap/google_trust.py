"""The settings of a workload identity pool on Google Cloud. With the pool, GitHub's workflows act as service accounts.

The program creates the pool with these settings (bootstrap/google_access.py), and exports them for people who create it
by hand. Conditions and subjects use the IDs of the repository and its owner, because GitHub never reuses IDs. Another
person could later get the same names (google-github-actions/auth, "Security Considerations"). GitHub's tokens always
contain the IDs in separate claims (GitHub Docs, "OpenID Connect reference").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from bootstrap.roles import Repository

# How Google Cloud computes the subject of a GitHub job from the claims of GitHub's token. IAM policies contain this
# subject as a member. The subject in GitHub's own token would be too long for some repositories: Google refuses a
# `google.subject` of more than 127 bytes (Google Cloud, "Troubleshoot Workload Identity Federation").
_SUBJECT = "assertion.repository_id + ':' + assertion.environment"


class GoogleTrust(TypedDict):
    """The settings of the workload identity provider. `subjects` maps each GitHub environment to the subject that its
    jobs have on Google Cloud.
    """

    attribute_mapping: dict[str, str]
    attribute_condition: str
    subjects: dict[str, str]


def google_trust(repository: Repository, environments: Sequence[str]) -> GoogleTrust:
    """Returns the settings with which Google Cloud trusts jobs of a repository. The settings admit only jobs that run
    in a GitHub environment for deployments or for drift detection.

    Google refuses a token without an environment, such as the token of a pull request. The condition reads the claim
    `environment`, and a missing claim is an error (Common Expression Language, "Field Selection").
    """
    names = [name for environment in environments for name in (environment, f"{environment}-drift")]
    conditions = (
        f"assertion.repository_owner_id == '{repository.owner_id}'",
        f"assertion.repository_id == '{repository.repository_id}'",
        f"assertion.environment in [{', '.join(repr(name) for name in names)}]",
    )
    return {
        "attribute_mapping": {"google.subject": _SUBJECT},
        "attribute_condition": " && ".join(conditions),
        "subjects": {name: f"{repository.repository_id}:{name}" for name in names},
    }
