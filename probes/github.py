"""Checks the claims in the OIDC tokens that GitHub Actions issues to workflow jobs. A workflow that deploys a stack
logs in to the clouds with such a token.

The probe itself must run in a workflow job that has the permission `id-token: write`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from probes.fact import Fact, Probe, ProbeError
from probes.recording import Recording

_URL, _TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_IMMUTABLE = re.compile(r"repo:[^@/:]+@\d+/[^@/:]+@\d+:.+")


@dataclass(frozen=True)
class GithubJob:
    """A job of GitHub Actions. `environment` contains the variables that the job needs to request a token."""

    environment: Mapping[str, str]
    http: httpx.Client
    recording: Recording

    def claims(self) -> Mapping[str, Any]:
        """Requests a token for the job, and returns its claims. The recording of the probe's requests contains neither
        the token nor the claims.

        Raises ProbeError outside of a job with the permission `id-token: write`.
        """
        if _URL not in self.environment or _TOKEN not in self.environment:
            raise ProbeError(f"{_URL} is not set: run the probe in a job with the permission id-token: write")
        headers = {"Authorization": f"Bearer {self.environment[_TOKEN]}"}
        answer = self.http.get(self.environment[_URL], headers=headers).raise_for_status()
        self.recording.add("GET token", answer.status_code, "", answer.headers, None)
        payload = answer.json()["value"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _subject(job: GithubJob) -> Iterator[Fact]:
    claims = job.claims()
    subject = claims["sub"]
    text = "The subject of a token has the IDs of the owner and the repository"
    yield Fact(text, _IMMUTABLE.fullmatch(subject) is not None, subject)
    for name in ("repository_id", "repository_owner_id"):
        found = claims.get(name)
        holds = isinstance(found, str) and found.isdigit()
        yield Fact(f"A token has the claim {name}, which is a text of digits", holds, repr(found))


PROBES = (Probe("github-subjects", 'GitHub Docs, "OpenID Connect reference": Immutable subject claims', _subject),)
