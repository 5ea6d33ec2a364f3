"""Probes which names Google Cloud Storage accepts for new buckets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import requests

from probes.fact import Fact, Probe
from probes.recording import Recording

_BUCKETS = "https://storage.googleapis.com/storage/v1/b"
_TIMEOUT_SECONDS = 30.0
# A bucket with a public data set, which belongs to a project of Google (Cloud Storage, "Public datasets").
_TAKEN = "gcp-public-data-landsat"


@dataclass(frozen=True)
class GoogleProject:
    """The Google Cloud project in which probes run. `session` has the credentials of the project.

    The names of all buckets contain `run`, so that the names of simultaneous runs differ. `cleanup` deletes the buckets
    when a probe ends.
    """

    run: str
    id: str
    session: requests.Session
    cleanup: ExitStack
    recording: Recording

    def create_bucket(self, name: str) -> int:
        """Creates a bucket, which is deleted when the probe ends. Returns the HTTP status of the response."""
        wanted = {"name": name, "location": "US-EAST1"}
        answer = self.session.post(f"{_BUCKETS}?project={self.id}", json=wanted, timeout=_TIMEOUT_SECONDS)
        if answer.ok:
            self.cleanup.callback(self.session.delete, f"{_BUCKETS}/{name}", timeout=_TIMEOUT_SECONDS)
        error = "" if answer.ok else answer.reason or ""
        self.recording.add(f"storage CreateBucket {name}", answer.status_code, error, answer.headers, None)
        return answer.status_code


def _names(project: GoogleProject) -> Iterator[Fact]:
    name = f"artifact-edge-probe-{project.run}"
    for text, wanted, expected in (
        ("Cloud Storage accepts a new name of 63 characters", f"{name}-{'n' * 63}"[:63], 200),
        ("Cloud Storage refuses a name of 64 characters", f"{name}-{'n' * 64}"[:64], 400),
        ("Cloud Storage refuses a name that resembles google", f"{name}-g00gle", 400),
        ("Cloud Storage refuses the name of a bucket of another project", _TAKEN, 409),
    ):
        status = project.create_bucket(wanted)
        yield Fact(text, status == expected, str(status))


PROBES = (Probe("gcs-bucket-names", 'Cloud Storage, "About Cloud Storage buckets"', _names),)
