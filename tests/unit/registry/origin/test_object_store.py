"""Tests the contract of object stores on the emulated S3 and the emulated Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from emulation.gcp import in_process
from registry.origin import ObjectStore, Origin, StoreError
from registry.origin.gcs import CloudStorage, client
from registry.origin.s3 import S3
from tests.support.object_store_contract import ObjectStoreContract, blob, document
from tests.support.purge_endpoint import serving
from tests.support.s3_bucket import versioned_bucket
from tests.support.served_clouds import OnCloudStorage


@pytest.fixture(params=["s3", "gcs"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    if request.param == "s3":
        request.getfixturevalue("aws_cloud")
        yield S3(versioned_bucket("store"), "store")
        return
    with serving(in_process.application(tmp_path)) as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        # Without NO_GCE_CHECK, Google's client library would spend 3 seconds on the search for a metadata server.
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        OnCloudStorage(url)
        yield CloudStorage(client(), "origin-us-east-1", None)


class TestObjectStore(ObjectStoreContract):
    pass


def test_a_missing_bucket_is_no_collision_with_another_publisher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(in_process.application(tmp_path)) as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        OnCloudStorage(url)
        origin = Origin(CloudStorage(client(), "deleted", None))
        with pytest.raises(StoreError, match=r"npm/web-1\.tgz: the bucket deleted does not exist"):
            origin.create(blob("npm/web-1.tgz", b"content"))
        with pytest.raises(StoreError, match=r"npm/web/packument\.json: the bucket deleted does not exist"):
            origin.render(replace(document(), body=b"{}"), 1, "2026-11-29T00:00:00Z", new=True)
