"""Tests the Google Cloud settings that the bootstrap program exports. With these settings, Google Cloud must accept
only the identity tokens of certain GitHub jobs. The tests evaluate the settings in the same way as Google's Security
Token Service.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bootstrap.google_trust import google_trust
from bootstrap.roles import ISSUER, Repository
from tests.support.bootstrap_stack import first_bootstrap_up
from tests.support.github_tokens import PROVIDER_NAME, REPOSITORY, WITH_IDS, WITHOUT_IDS, claims
from tests.support.workload_identity import Provider, Refused


def provider(repository: Repository = REPOSITORY) -> Provider:
    trust = google_trust(repository, ["dev", "prod"])
    return Provider(PROVIDER_NAME, f"https://{ISSUER}", trust["attribute_mapping"], trust["attribute_condition"])


@pytest.mark.parametrize("subject", [WITH_IDS, WITHOUT_IDS])
@pytest.mark.parametrize("environment", ["dev", "dev-drift", "prod", "prod-drift"])
def test_a_job_has_the_subject_of_its_environment_whatever_form_the_token_has(subject: str, environment: str) -> None:
    subjects = google_trust(REPOSITORY, ["dev", "prod"])["subjects"]
    assert provider().subject(claims(subject, environment)) == subjects[environment]
    assert len(set(subjects.values())) == len(subjects) == 4


@pytest.mark.parametrize("subject", [WITH_IDS, WITHOUT_IDS])
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"repository_id": "999"}, id="another repository with the same name"),
        pytest.param({"repository_owner_id": "999"}, id="another owner with the same name"),
        pytest.param({"repository_owner_id": "999", "repository_id": "999"}, id="both names taken again"),
        pytest.param({"environment": "staging"}, id="another environment"),
        pytest.param({"environment": "prod-"}, id="an environment whose name begins with the right one"),
        pytest.param({"iss": "https://token.actions.githubusercontent.com/acme"}, id="another issuer"),
        pytest.param({"aud": "sts.amazonaws.com"}, id="a token for AWS"),
    ],
)
def test_other_tokens_are_refused(subject: str, changes: Mapping[str, str]) -> None:
    with pytest.raises(Refused):
        provider().subject(claims(subject, **changes))


@pytest.mark.parametrize("subject", [WITH_IDS, WITHOUT_IDS])
def test_a_pull_request_and_other_jobs_without_an_environment_are_refused(subject: str) -> None:
    for event in ("pull_request", "pull_request_target", "push"):
        with pytest.raises(Refused, match="environment"):
            provider().subject(claims(subject, environment=None, event_name=event))


def test_the_longest_names_of_github_make_no_subject_that_google_refuses() -> None:
    # The names and IDs in this test have the maximum lengths. GitHub allows at most 39 characters in the name of an
    # owner, and 100 in the name of a repository. The config allows at most 20 characters in the name of an environment.
    # The IDs of owners and repositories have fewer than 20 digits.
    owner, name, environment = "o" * 39, "n" * 100, "e" * 20
    long = Repository(f"{owner}/{name}", owner_id="9" * 19, repository_id="9" * 19)
    trust = google_trust(long, [environment])
    token = claims(
        f"repo:{owner}@{long.owner_id}/{name}@{long.repository_id}",
        f"{environment}-drift",
        repository_id=long.repository_id,
        repository_owner_id=long.owner_id,
    )
    condition = trust["attribute_condition"]
    found = Provider(PROVIDER_NAME, f"https://{ISSUER}", trust["attribute_mapping"], condition).subject(token)
    assert found == trust["subjects"][f"{environment}-drift"]
    with pytest.raises(Refused, match="127 bytes"):
        Provider(PROVIDER_NAME, f"https://{ISSUER}", {"google.subject": "assertion.sub"}, condition).subject(token)


def test_the_program_exports_the_settings() -> None:
    assert first_bootstrap_up().outputs["google"] == google_trust(REPOSITORY, ["dev", "prod"])
