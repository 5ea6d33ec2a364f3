"""The settings of a workload identity pool on Google Cloud, through which GitHub's workflows act as service accounts.

The program creates the pool with these settings (bootstrap/google_access.py), and exports them for people who create it
by hand. Conditions and subjects use the IDs
of the repository and its owner, which GitHub never reuses. The names could belong to somebody else later
(google-github-actions/auth, "Security Considerations"). GitHub's tokens have the IDs in claims of their own, whatever
the form of their subject is (GitHub Docs, "OpenID Connect reference").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from bootstrap.roles import Repository

# The subject that Google gives to a job of GitHub, built from claims of GitHub's token. IAM policies name this subject
# as a member. The subject of GitHub's token would be too long for some repositories: Google refuses a `google.subject`
# of more than 127 bytes (Google Cloud, "Troubleshoot Workload Identity Federation").
_SUBJECT = "assertion.repository_id + ':' + assertion.environment"


class GoogleTrust(TypedDict):
    """The settings of the workload identity provider. `subjects` maps each GitHub environment to the subject that its
    jobs have on Google Cloud.
    """

    attribute_mapping: dict[str, str]
    attribute_condition: str
    subjects: dict[str, str]


def google_trust(repository: Repository, environments: Sequence[str]) -> GoogleTrust:
    """Returns the settings with which Google Cloud trusts the jobs of a repository that run in GitHub environments for
    deployments and for drift detection.

    A token without an environment, such as that of a pull request, is refused: a condition on a claim that is missing
    is an error (Common Expression Language, "Field Selection").
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
