"""Probes which names Google Cloud Storage accepts for new buckets."""

from __future__ import annotations

from collections.abc import Iterator

from probes.fact import Fact, Probe
from probes.google_project import GoogleProject

_BUCKETS = "https://storage.googleapis.com/storage/v1/b"
# A bucket with a public data set. The bucket belongs to a project of Google (Cloud Storage, "Public datasets").
_TAKEN = "gcp-public-data-landsat"


def _create_bucket(project: GoogleProject, name: str) -> int:
    """Creates a bucket, which is deleted when the probe ends. Returns the HTTP status of the response."""
    wanted = {"name": name, "location": "US-EAST1"}
    answer = project.send(f"storage CreateBucket {name}", "POST", f"{_BUCKETS}?project={project.id}", wanted)
    if answer.ok:
        project.later(project.send, f"storage DeleteBucket {name}", "DELETE", f"{_BUCKETS}/{name}")
    return answer.status_code


def _names(project: GoogleProject) -> Iterator[Fact]:
    name = project.name("")
    for text, wanted, expected in (
        ("Cloud Storage accepts a new name of 63 characters", f"{name}{'n' * 63}"[:63], 200),
        ("Cloud Storage refuses a name of 64 characters", f"{name}{'n' * 64}"[:64], 400),
        ("Cloud Storage refuses a name that resembles google", f"{name}g00gle", 400),
        ("Cloud Storage refuses the name of a bucket of another project", _TAKEN, 409),
    ):
        status = _create_bucket(project, wanted)
        yield Fact(text, status == expected, str(status))


PROBES = (Probe("gcs-bucket-names", 'Cloud Storage, "About Cloud Storage buckets"', _names),)
