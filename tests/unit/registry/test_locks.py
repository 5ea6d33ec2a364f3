"""Tests object retention on Cloud Storage. There, the registry itself sets the time until which nobody can delete an
object.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import requests

from registry import publish as publishing
from registry.catalog.audit import By
from registry.ecosystems.packages import parse
from registry.publish import apply
from registry.target import Retention, Target
from registry.unpublish import unpublished
from tests.support.packages import tarball
from tests.support.registry import Network, OnCloudStorage, network

__all__ = ["network"]

BY = By("tester", "", "publish")
TARBALL, PACKUMENT = "npm/web/-/web-1.0.0.tgz", "npm/web/packument.json"

# The tests run only on Cloud Storage. On S3, the registry sets no retention, because the default retention of the
# bucket locks each object.
pytestmark = pytest.mark.parametrize("network", ["gcs"], indirect=True)


def locked(network: Network, mode: str) -> tuple[Target, OnCloudStorage]:
    lock = Retention.model_validate({"mode": mode, "days": 30})
    buckets = [bucket.model_copy(update={"lock": lock}) for bucket in network.target.buckets]
    return network.target.model_copy(update={"buckets": buckets}), cast(OnCloudStorage, network.bucket)


def publish(target: Target, directory: Path, number: str) -> None:
    file = tarball(directory / f"{number}.tgz", {"name": "web", "version": number})
    assert publishing.publish(target, [file], BY).delayed == []


@pytest.mark.parametrize(("mode", "kept"), [("governance", "Unlocked"), ("compliance", "Locked")])
def test_immutable_objects_are_retained_and_documents_are_not(
    network: Network, tmp_path: Path, mode: str, kept: str
) -> None:
    target, bucket = locked(network, mode)
    publish(target, tmp_path, "1.0.0")
    # The second publish replaces the package's documents. If object retention also applied to documents, this publish
    # would fail.
    publish(target, tmp_path, "1.1.0")
    retention = bucket.document(TARBALL)["retention"]
    ahead = datetime.fromisoformat(retention["retainUntilTime"]) - datetime.now(UTC)
    assert retention["mode"] == kept
    assert timedelta(days=29) < ahead <= timedelta(days=30)
    assert "retention" not in bucket.document(PACKUMENT)
    with pytest.raises(requests.HTTPError, match="403"):
        bucket.delete(TARBALL, bucket.document(TARBALL)["generation"])


def test_a_retained_object_can_be_withdrawn(network: Network, tmp_path: Path) -> None:
    """Checks that a withdrawn object becomes a noncurrent version, which no client can read or delete."""
    target, bucket = locked(network, "compliance")
    publish(target, tmp_path, "1.0.0")
    generation, body = bucket.document(TARBALL)["generation"], bucket.read(TARBALL)
    report = apply(target, [unpublished(target, parse("npm:web@1.0.0"), force=False)], BY)
    assert report.delayed == []
    assert TARBALL not in network.objects()
    assert bucket.read(f"quarantine/{TARBALL}") == body
    with pytest.raises(requests.HTTPError, match="403"):
        bucket.delete(TARBALL, generation)
