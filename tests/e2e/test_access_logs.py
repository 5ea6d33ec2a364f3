"""Tests that the machines of the shields (regional caches) can write their access logs to the log bucket. The machines
are on AWS and Google Cloud, and have credentials for the bucket.
"""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from contract.shields import EDGE_PORT
from emulation.machines.systemd import parse_environment
from tests.support.sandbox.edge import AP_SOUTHEAST, EU_WEST, US_EAST, access
from tests.support.sandbox.origin import store
from tests.support.sandbox.shields import client_with, origin_credentials, records_in
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

FIELDS = {"time", "method", "path", "status", "bytes", "cache", "ms"}


def machines(up: Up) -> list[Path]:
    """Returns the root directories of all shield machines."""
    return [file.parents[2] for file in up.sandbox.directory.glob("machines/*/root/etc/artifact-edge/shield.env")]


def log_bucket(up: Up) -> str:
    names = [bucket["Name"] for bucket in up.aws("s3").list_buckets()["Buckets"]]
    return next(name for name in names if name.endswith("-logs-us-east-1"))


def served(up: Up, path: str) -> bool:
    """Returns whether the access log of a shield (a regional cache) contains a request of the edge for `path`."""
    for root in machines(up):
        records = records_in(root / "var/log/artifact-edge/access.log")
        if any(record["path"] == path and record["port"] == EDGE_PORT for record in records):
            return True
    return False


def ship(up: Up, root: Path) -> None:
    """Runs the program that copies the access log of a shield (a regional cache) to the log bucket. On a real machine,
    a timer runs this program every few minutes.
    """
    settings = parse_environment((root / "etc/artifact-edge/shield.env").read_text())
    environment = {**settings, "AWS_ENDPOINT_URL": up.sandbox.aws_url}
    done = subprocess.run(
        [root / "usr/local/sbin/ship-logs"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def records(up: Up) -> Iterator[dict[str, Any]]:
    s3, bucket = up.aws("s3"), log_bucket(up)
    for found in s3.list_objects_v2(Bucket=bucket, Prefix="shields/day=")["Contents"]:
        yield from map(
            json.loads, gzip.decompress(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()).splitlines()
        )


def test_the_logs_of_all_shields_arrive_without_addresses(up: Up) -> None:
    keys = [f"npm/@acme/greeting/-/greeting-6.6.{number}.tgz" for number in range(3)]
    for key, place in zip(keys, (US_EAST, EU_WEST, AP_SOUTHEAST), strict=True):
        store(up, key, 1_000)
        with httpx.Client(**access(up, place)) as client:
            assert client.get(f"/{key}").status_code == 200
    wanted = {key.replace("@", "%40") for key in keys}
    assert eventually(lambda: all(served(up, path) for path in wanted))
    assert len(machines(up)) == len(up.outputs()["shields"])
    for root in machines(up):
        ship(up, root)
    ship(up, machines(up)[0])  # this time, the machine has no new lines
    found = list(records(up))
    assert {frozenset(record) for record in found} == {frozenset(FIELDS)}
    assert {record["path"] for record in found} >= wanted


def test_a_shield_cannot_read_the_logs(up: Up) -> None:
    for root in machines(up):
        s3 = client_with(up, origin_credentials(root), "s3")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.list_objects_v2(Bucket=log_bucket(up))
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=log_bucket(up), Key="elsewhere", Body=b"")
