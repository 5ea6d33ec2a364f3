"""Tests the report on a published change: it lists which origin buckets, shields (regional caches) and PoPs already
serve the change, and which do not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from typer.testing import CliRunner

from registry import RegistryError, keys
from registry.__main__ import app
from registry.catalog.audit import By
from registry.ecosystems.packages import parse
from registry.publish import publish
from registry.target import Bucket, Shield
from registry.visible import Follower, Seen, complaint
from tests.support.packages import tarball
from tests.support.registry import BUCKET, Network, network

__all__ = ["network"]

REPLICA = "origin-eu-west-1"


# This test runs only on S3, where a stack's objects are replicated to other buckets. A stack on Cloud Storage has one
# bucket and no replicas.
@pytest.mark.parametrize("network", ["s3"], indirect=True)
def test_a_lagging_replica_is_distinguished_from_a_current_one(network: Network, tmp_path: Path) -> None:
    s3: Any = cast(Any, boto3).client("s3", region_name="eu-west-1")
    s3.create_bucket(Bucket=REPLICA, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    buckets = [*network.target.buckets, Bucket(region="eu-west-1", name=REPLICA)]
    target = network.target.model_copy(update={"buckets": buckets})

    def replicate() -> None:
        for kind in ("", ".abbreviated"):
            key = f"npm/web/packument{kind}.json"
            s3.copy_object(Bucket=REPLICA, Key=key, CopySource={"Bucket": BUCKET, "Key": key})

    def publish_version(number: str) -> int:
        publish(target, [tarball(tmp_path / "web.tgz", {"name": "web", "version": number})], By("t", "", "publish"))
        return Follower(target, parse("npm:web"), token="", vias={}).revision

    def missing() -> dict[str, str]:
        follower = Follower(target, parse("npm:web"), token="", vias={})
        return {each.place[1]: each.error for each in follower.follow(0.1) if each.seconds is None}

    first = publish_version("1.0.0")
    assert missing() == {"eu-west-1": "serves no revision"}
    replicate()
    assert missing() == {}
    publish_version("1.1.0")
    assert missing() == {"eu-west-1": f"serves revision {first}"}
    replicate()
    assert missing() == {}


def test_a_missing_package_cannot_be_followed(network: Network) -> None:
    with pytest.raises(RegistryError, match="pypi nothing: no such package"):
        Follower(network.target, parse("pypi:nothing"), token="", vias={})


def test_no_error_shows_a_client_token_with_a_line_break() -> None:
    arguments = ["visible", "npm:web", "--stack-outputs", "missing.json"]
    refused = CliRunner().invoke(app, arguments, env={"ARTIFACT_EDGE_TOKEN": "ae_secret\nnote"})
    assert str(refused.exception).startswith("ARTIFACT_EDGE_TOKEN: has a space or a line break inside")
    assert "ae_secret" not in f"{refused.output} {refused.exception}"


def test_an_unreachable_shield_is_distinguished_from_a_lagging_one(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")  # the operator's region, which has none of the secrets
    keys.initialize("unit", "artifact-edge.test", "us-east-1", "kv-token")
    # no process listens on this address
    shield = Shield(host="us-east-1-0.shield.artifact-edge.test", address="127.0.0.99")
    target = network.target.model_copy(update={"shields": [shield]})
    publish(target, [tarball(tmp_path / "web.tgz", {"name": "web", "version": "1.0.0"})], By("t", "", "publish"))
    seen = {each.place: each for each in Follower(target, parse("npm:web"), token="", vias={}).follow(5)}
    assert seen["origin", "us-east-1"].seconds is not None
    assert (seen["shield", "us-east-1-0"].seconds, seen["shield", "us-east-1-0"].reached) == (None, False)


@pytest.mark.parametrize(
    ("seconds", "objective", "said"),
    [
        (2.0, 30.0, None),
        (41.0, None, None),
        (41.0, 30.0, "the change took 41 s to be visible everywhere, and the objective is 30 s"),
        (None, 30.0, "edge here did not serve the change within 60 s"),
        (None, None, "edge here did not serve the change within 60 s"),
    ],
)
def test_a_complaint_names_the_time_that_was_waited(
    seconds: float | None, objective: float | None, said: str | None
) -> None:
    seen = [Seen(("origin", "us-east-1"), 1.0), Seen(("edge", "here"), seconds)]
    assert complaint(seen, 60.0, objective) == said
