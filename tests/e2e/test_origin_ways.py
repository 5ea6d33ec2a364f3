"""Tests that the credentials of a shield (a regional cache) can read the origin buckets only from the shields'
networks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from emulation.layout import CLIENT_LOCATIONS
from tests.support.sandbox.edge import access
from tests.support.sandbox.origin import MOST_REQUESTS_FOR_A_MISS, control, store
from tests.support.sandbox.shields import client_with, origin_credentials
from tests.support.sandbox.up import Up

PATIENCE_SECONDS = 120.0
# The Asian shield (a regional cache) is on Google Cloud. It assumes the shields' AWS role with an identity token of
# Google.
US, EU, ASIA = "us-east-1", "eu-west-1", "asia-southeast1"
CLIENT_LOCATION = {US: CLIENT_LOCATIONS[0], EU: CLIENT_LOCATIONS[1], ASIA: CLIENT_LOCATIONS[2]}


def address(up: Up, region: str) -> str:
    return next(each["address"] for each in up.outputs()["shields"] if each["region"] == region)


def bucket(up: Up, region: str) -> str:
    return next(each["name"] for each in up.outputs()["buckets"] if each["region"] == region)


def intruder(up: Up, region: str) -> Any:
    """Returns an S3 client that sends requests from outside the shield machine (a regional cache). The client has the
    credentials that an intruder could steal from this machine.
    """
    (root,) = (
        file.parents[2]
        for file in up.sandbox.directory.glob("machines/*/root/etc/artifact-edge/records.config")
        if f"8443:ssl:ip-in={address(up, region)}:" in file.read_text()
    )
    return client_with(up, origin_credentials(root), "s3")


def read(up: Up, region: str, key: str) -> httpx.Response:
    """Requests an object at a client location whose nearest shields (regional caches) are in `region`. If no cache of
    the edge has the object, the edge requests it from these shields first.
    """
    with httpx.Client(**access(up, CLIENT_LOCATION[region])) as client:
        return client.get(f"/{key}")


def requests_by_bucket(up: Up, key: str) -> dict[str, int]:
    """Returns how many GET requests each bucket received for the object `key`. Refused requests count too."""
    seen: dict[str, dict[str, int]] = control(up, "requests")
    return {name.split("/", 1)[0]: of["GET"] for name, of in seen.items() if name.split("/", 1)[1] == key}


def pause_copies(up: Up, paused: bool) -> None:
    control(up, "replication", {"paused": paused})


@contextmanager
def changed_access_policy(up: Up, change: Callable[[list[dict[str, Any]]], None]) -> Generator[None]:
    """Changes the IAM role policy that says from which networks shields may read the buckets. Restores the policy after
    the `with` block.
    """
    iam = up.aws("iam")
    role = next(each["RoleName"] for each in iam.list_roles()["Roles"] if each["RoleName"].endswith("-shield"))
    named = {"RoleName": role, "PolicyName": "origin-ways"}
    document: dict[str, Any] = iam.get_role_policy(**named)["PolicyDocument"]
    before = json.dumps(document)
    change(document["Statement"])
    iam.put_role_policy(**named, PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.put_role_policy(**named, PolicyDocument=before)
        wait_until_used_again(up)


def wait_until_used_again(up: Up) -> None:
    """Waits until the edge uses the European shield (a regional cache) again. The edge skips a shield for a while after
    the shield has failed.
    """
    deadline, turn = time.monotonic() + PATIENCE_SECONDS, 0
    while True:
        turn += 1
        key = f"npm/@acme/greeting/-/greeting-8.9.{turn}.tgz"
        store(up, key, 100)
        read(up, EU, key)
        if bucket(up, EU) in requests_by_bucket(up, key):
            return
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.fixture
def lagging(up: Up) -> Generator[None]:
    pause_copies(up, True)
    yield
    pause_copies(up, False)


@pytest.mark.parametrize("region", [US, EU, ASIA])
def test_a_shields_credentials_read_only_from_the_shield(up: Up, region: str) -> None:
    key = f"npm/@acme/greeting/-/greeting-8.0.0-{region}.tgz"
    body = store(up, key, 1_000)
    assert read(up, region, key).content == body
    stolen = intruder(up, region)
    for place in (US, EU):
        with pytest.raises(ClientError, match="AccessDenied"):
            stolen.get_object(Bucket=bucket(up, place), Key=key)
        with pytest.raises(ClientError, match="AccessDenied"):
            stolen.list_objects_v2(Bucket=bucket(up, place))


@pytest.mark.parametrize("region", [EU, ASIA])
def test_a_shield_reads_another_regions_bucket_by_its_fixed_address(up: Up, lagging: None, region: str) -> None:
    key = f"npm/@acme/greeting/-/greeting-8.1.0-{region}.tgz"
    body = store(up, key, 1_000)
    assert read(up, region, key).content == body
    assert 1 <= requests_by_bucket(up, key)[bucket(up, US)] <= MOST_REQUESTS_FOR_A_MISS


def test_a_shield_whose_address_the_policy_lacks_is_refused_and_another_serves(up: Up, lagging: None) -> None:
    def without_address(statements: list[dict[str, Any]]) -> None:
        listed = [each for each in statements if "NotIpAddress" in each["Condition"]]
        mine = f"{address(up, EU)}/32"
        assert [each for each in listed if mine in each["Condition"]["NotIpAddress"]["aws:SourceIp"]]
        for each in listed:
            addresses = each["Condition"]["NotIpAddress"]["aws:SourceIp"]
            each["Condition"]["NotIpAddress"]["aws:SourceIp"] = [one for one in addresses if one != mine]

    key = "npm/@acme/greeting/-/greeting-8.2.0.tgz"
    body = store(up, key, 1_000)
    with changed_access_policy(up, without_address):
        assert read(up, EU, key).content == body
    # The buckets in both regions refuse the European shield's requests for the object. The edge then requests it from
    # the American shield, which reads it from the bucket in its own region.
    requests = requests_by_bucket(up, key)
    assert requests.keys() == {bucket(up, EU), bucket(up, US)}
    assert 2 <= requests[bucket(up, US)] <= 1 + MOST_REQUESTS_FOR_A_MISS


def test_without_any_permitted_network_nothing_is_read(up: Up) -> None:
    def closed(statements: list[dict[str, Any]]) -> None:
        for each in statements:
            each.pop("Condition")

    key = "npm/@acme/greeting/-/greeting-8.3.0.tgz"
    body = store(up, key, 1_000)
    with changed_access_policy(up, closed):
        answer = read(up, US, key)
        assert answer.status_code != 200
        assert body not in answer.content
    assert read(up, US, key).content == body
