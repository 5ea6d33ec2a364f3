"""Tests a shield (a regional cache) on Google Cloud that reads from origin buckets on AWS.

The tests check which objects the shield serves, which AWS role it uses, and its behaviour without credentials.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import httpx

from contract.shields import EDGE_PORT, HEALTH_PORT
from emulation import processes
from emulation.gcp import metadata_clients
from tests.support.sandbox.edge import AP_SOUTHEAST, access, purge_edge
from tests.support.sandbox.origin import MOST_REQUESTS_FOR_A_MISS, origin_requests, store
from tests.support.sandbox.shields import client_with, origin_credentials, records_in
from tests.support.sandbox.up import Up

ROLE = "artifact-edge-local-shield"


def shield(up: Up) -> dict[str, str]:
    """Returns the entry for the shield (a regional cache) on Google Cloud in the stack output `shields`. Requests from
    the client location AP_SOUTHEAST reach this shield.
    """
    return next(each for each in up.outputs()["shields"] if each["cloud"] == "gcp")


def machine(up: Up) -> dict[str, Any]:
    """Returns what the emulated Compute Engine states about the machine of the shield on Google Cloud."""
    machines = httpx.get(f"{up.sandbox.gcp_url}/_artifact-edge/instances", timeout=60).json()
    return next(each for each in machines if each["name"].endswith(shield(up)["name"]))


def edge_requests(up: Up, path: str) -> int:
    """Returns how often the edge requested `path` from the shield (a regional cache), according to the shield's access
    log. Traffic Server writes a request to the log some seconds later.
    """
    log = up.sandbox.directory / "machines" / machine(up)["id"] / "root/var/log/artifact-edge/access.log"
    return sum(each["port"] == EDGE_PORT and each["path"] == path for each in records_in(log))


def credentials(up: Up) -> dict[str, str]:
    """Returns the credentials with which the shield signs its requests to the origin."""
    return origin_credentials(up.sandbox.directory / "machines" / machine(up)["id"] / "root")


def caller(up: Up, found: dict[str, str]) -> str:
    """Returns the ARN of the AWS principal to which the credentials `found` belong, as AWS STS reports it."""
    return client_with(up, found, "sts").get_caller_identity()["Arn"]


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.5)


def test_the_google_shield_serves_a_private_package(up: Up) -> None:
    with httpx.Client(**access(up, AP_SOUTHEAST)) as client:
        packument = client.get("/npm/@acme/web").raise_for_status().json()
        dist = packument["versions"]["1.0.0"]["dist"]
        tarball = client.get(dist["tarball"]).raise_for_status()
    assert dist["integrity"] == f"sha512-{base64.b64encode(hashlib.sha512(tarball.content).digest()).decode()}"
    assert "shield;dur=" in tarball.headers["Server-Timing"]
    path = "npm/%40acme/web/-/web-1.0.0.tgz"
    wait_until(lambda: edge_requests(up, path) >= 1, 120, "the shield was not asked")


def test_each_tier_answers_after_its_first_miss(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-8.8.8.tgz"
    body = store(up, key, 20_000)
    with httpx.Client(**access(up, AP_SOUTHEAST)) as client:
        answers = [client.get(f"/{key}")]
        purge_edge(up, key)
        answers += [client.get(f"/{key}"), client.get(f"/{key}")]
    assert [answer.headers["X-Cache"] for answer in answers] == ["origin; miss", "shield; hit", "edge; hit"]
    assert {answer.content for answer in answers} == {body}
    assert 1 <= origin_requests(up, key) <= MOST_REQUESTS_FOR_A_MISS
    path = key.replace("@", "%40")
    wait_until(lambda: edge_requests(up, path) == 2, 120, "the shield was not asked twice")


def test_the_shield_reads_as_its_role_with_renewed_credentials(up: Up) -> None:
    first = credentials(up)
    assert f":assumed-role/{ROLE}/" in caller(up, first)
    wait_until(lambda: credentials(up)["access_key"] != first["access_key"], 120, "the credentials stayed the same")
    assert f":assumed-role/{ROLE}/" in caller(up, credentials(up))
    key = "npm/@acme/greeting/-/greeting-8.8.7.tgz"
    body = store(up, key, 1_000)
    with httpx.Client(**access(up, AP_SOUTHEAST)) as client:
        assert client.get(f"/{key}").content == body


def test_without_credentials_the_shield_serves_nothing(up: Up) -> None:
    iam, address, name = up.aws("iam"), shield(up)["address"], f"machine-{machine(up)['id']}"
    trust = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]
    account: str = machine(up)["serviceAccounts"][0]["email"]
    project = account.partition("@")[2].split(".")[0]
    other = f"{up.sandbox.gcp_url}/iam/v1/projects/{project}/serviceAccounts"
    email = httpx.post(other, json={"accountId": "stranger", "serviceAccount": {}}, timeout=60).json()["email"]

    def refusals() -> int:
        return (up.sandbox.directory / "logs" / "machines.log").read_text().count("AccessDenied")

    def refused_again() -> None:
        known = refusals()
        wait_until(lambda: refusals() > known, 300, "it was not refused")
        assert not any(processes.listening(address, port) for port in (EDGE_PORT, HEALTH_PORT))

    without_google = {**trust, "Statement": [each for each in trust["Statement"] if "Service" in each["Principal"]]}
    assert len(without_google["Statement"]) == 1
    try:
        iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(without_google))
        pid = processes.pid_of(up.sandbox, f"{name}-artifact-edge-shield")
        assert pid is not None
        os.killpg(pid, signal.SIGKILL)
        refused_again()
        metadata_clients.register(up.sandbox, name, email)
        iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))
        refused_again()
        key = "npm/@acme/greeting/-/greeting-8.8.6.tgz"
        body = store(up, key, 1_000)
        with httpx.Client(**access(up, AP_SOUTHEAST)) as client:
            # the edge got the object from a shield of another region
            assert client.get(f"/{key}").content == body
    finally:
        iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))
        metadata_clients.register(up.sandbox, name, account)
        httpx.delete(f"{other}/stranger", timeout=60)
        wait_until(lambda: processes.listening(address, EDGE_PORT), 300, "it did not come back")
