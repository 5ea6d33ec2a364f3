"""Tests the contract of object stores (their required behaviour) on fake-gcs-server, a third-party implementation of
Cloud Storage.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from registry.origin import ObjectStore
from registry.origin.gcs import CloudStorage, client
from tests.second_opinions.servers import expect_differences, fake_gcs_server
from tests.support.object_store_contract import ObjectStoreContract

# The tests that fake-gcs-server fails, each with the reason. docs/fidelity.md shows what Google documents about each
# case.
DIFFERENCES = {
    "test_an_object_is_removed_only_with_its_present_validator": "fake-gcs-server deletes whatever the condition says",
}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with fake_gcs_server() as url:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", url)
        # Without NO_GCE_CHECK, Google's client library would search for a metadata server for 3 s in each test.
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        opened = client()
        bucket = opened.bucket("store")
        bucket.versioning_enabled = True
        opened.create_bucket(bucket, project="project")
        yield CloudStorage(opened, "store", None)


@pytest.fixture(autouse=True)
def differences(request: pytest.FixtureRequest) -> None:
    expect_differences(request, DIFFERENCES)


class TestObjectsOnFakeGcsServer(ObjectStoreContract):
    pass
