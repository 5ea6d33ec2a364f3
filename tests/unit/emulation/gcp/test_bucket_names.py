"""Tests which new buckets the emulated Cloud Storage refuses: a bucket with an invalid name, and a bucket with the name
of another project's bucket.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from emulation.gcp import in_process


def create(directory: Path, name: str) -> httpx.Response:
    wanted = {"name": name, "location": "US-EAST1"}
    return in_process.client(directory).post("/storage/v1/b", json=wanted)


@pytest.mark.parametrize("name", ["artifact-edge-prod-us-east1", "artifact-edge-prod-code-logs-us-east4"])
def test_a_name_without_an_organization_is_taken_by_another_project(tmp_path: Path, name: str) -> None:
    refusal = create(tmp_path, name)
    assert (refusal.status_code, "shared by all users of the system" in refusal.text) == (409, True)


@pytest.mark.parametrize("name", ["goog-objects", "objects-of-google", "my-g00gle-objects"])
def test_a_name_that_resembles_google_is_invalid(tmp_path: Path, name: str) -> None:
    refusal = create(tmp_path, name)
    assert (refusal.status_code, f"Invalid bucket name: '{name}'" in refusal.text) == (400, True)


def test_a_name_with_an_organization_is_free(tmp_path: Path) -> None:
    assert create(tmp_path, "artifact-edge-prod-example-us-east1").status_code == 200
