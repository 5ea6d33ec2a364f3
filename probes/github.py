"""Probes the subject of the tokens from GitHub Actions with which a workflow assumes the deploy roles.

The probe runs in a job of a workflow with the permission `id-token: write`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx

from probes.fact import Fact, Probe, ProbeError
from probes.recording import Recording

_URL, _TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
_IMMUTABLE = re.compile(r"repo:[^@/:]+@\d+/[^@/:]+@\d+:.+")


@dataclass(frozen=True)
class GithubJob:
    """A job of GitHub Actions. `environment` has the variables with which a job requests a token."""

    environment: Mapping[str, str]
    http: httpx.Client
    recording: Recording

    def subject(self) -> str:
        """Requests a token for the job, and returns its subject. The recording gets neither the token nor the subject.

        Raises ProbeError outside of a job with the permission `id-token: write`.
        """
        if _URL not in self.environment or _TOKEN not in self.environment:
            raise ProbeError(f"{_URL} is not set: run the probe in a job with the permission id-token: write")
        headers = {"Authorization": f"Bearer {self.environment[_TOKEN]}"}
        answer = self.http.get(self.environment[_URL], headers=headers).raise_for_status()
        self.recording.add("GET token", answer.status_code, "", answer.headers, None)
        payload = answer.json()["value"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]


def _subject(job: GithubJob) -> Iterator[Fact]:
    subject = job.subject()
    text = "The subject of a token has the IDs of the owner and the repository"
    yield Fact(text, _IMMUTABLE.fullmatch(subject) is not None, subject)


PROBES = (Probe("github-subjects", 'GitHub Docs, "OpenID Connect reference": Immutable subject claims', _subject),)
