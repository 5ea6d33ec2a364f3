"""The policy pack in the engine: what is said to somebody who adds a bucket without guarding it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.layout import CHECKOUT
from local.scratch import Scratch, scratch
from local.services import AddressTaken

LOOPBACK = "127.86"
SINGLE_REGION = {"bucket-replicated": {"enforcementLevel": "mandatory", "regions": 1}}


@pytest.fixture(scope="module")
def buckets() -> Iterator[Scratch]:
    """A stack of the program in `buckets/`, and `exceptions.json`, which lets a bucket stand in one region."""
    with scratch(LOOPBACK, print) as world:
        project = world.world.directory / "buckets"
        shutil.copytree(Path(__file__).parent / "buckets", project)
        for name in (".venv", "policies"):
            (project / name).symlink_to(CHECKOUT / name)
        (project / "exceptions.json").write_text(json.dumps(SINGLE_REGION))
        stack = dataclasses.replace(world, project=project)
        assert stack.pulumi("stack", "init", "test").returncode == 0
        assert stack.pulumi("config", "set", "aws:region", "us-east-1").returncode == 0
        yield stack


def test_an_unguarded_bucket_is_refused_with_its_name_and_the_way_out(buckets: Scratch) -> None:
    buckets.pulumi("config", "set", "guarded", "false")
    refused = buckets.pulumi("preview", "--policy-pack", "policies")
    assert refused.returncode != 0
    assert "[mandatory] [severity: critical]  bucket-public-access-blocked  (aws:s3:Bucket: assets)" in refused.stdout
    assert "assets: no public access block belongs to the bucket. Give it an aws.s3.Bucket" in refused.stdout
    for name in ("bucket-encrypted", "bucket-replicated", "bucket-tls-only", "bucket-versioned"):
        assert f"{name}  (aws:s3:Bucket: assets)" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr


def test_a_guarded_bucket_passes_where_config_lets_it_stand_alone(buckets: Scratch) -> None:
    buckets.pulumi("config", "set", "guarded", "true")
    pack = ("--policy-pack", "policies")
    refused = buckets.pulumi("preview", *pack)
    assert refused.stdout.count("[mandatory]") == 1
    assert "its objects stand in 1 region; 2 are asked for" in refused.stdout
    passed = buckets.pulumi("preview", *pack, "--policy-pack-config", "exceptions.json")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "[mandatory]" not in passed.stdout


def test_a_setting_of_the_wrong_kind_is_refused(buckets: Scratch) -> None:
    wrong = buckets.project / "wrong.json"
    wrong.write_text(json.dumps({"bucket-replicated": {"regions": "two"}}))
    refused = buckets.pulumi("preview", "--policy-pack", "policies", "--policy-pack-config", "wrong.json")
    assert refused.returncode != 0
    assert "bucket-replicated: regions: Invalid type. Expected: integer, given: string" in refused.stdout


@pytest.mark.usefixtures("buckets")
def test_a_second_world_on_the_same_addresses_is_refused() -> None:
    with pytest.raises(AddressTaken, match=r"127\.86\.0\.0/16 are in use by another world"), scratch(LOOPBACK, print):
        pass
