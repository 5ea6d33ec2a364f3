"""Tests that all reads succeed, and that shields (regional caches) boot, while AWS services are down in the stack's
home region: Secrets Manager, STS, DynamoDB, Certificate Manager and Parameter Store.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from contract.secrets import secret_id
from contract.shields import HEALTH_PATH, HEALTH_PORT
from emulation import processes
from emulation.layout import CLIENT_LOCATIONS
from local.stack import STACK
from tests.support.sandbox.edge import access
from tests.support.sandbox.origin import control, store
from tests.support.sandbox.shields import machines
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

HOME, AWAY = "us-east-1", "eu-west-1"
LOST = ("secretsmanager", "sts", "dynamodb", "acm", "ssm")

# Files in the run directory of a shield (a regional cache). A machine does not have them when it boots, so a test
# deletes them to make the machine fetch them again.
NEEDED_AT_BOOT = ("origin_key", "server_certificate.pem", "server_key.pem")


@pytest.fixture
def outage(up: Up) -> Iterator[None]:
    control(up, "outages", {service: {HOME: "503"} for service in LOST})
    with pytest.raises(ClientError, match="503"):
        up.aws("secretsmanager").describe_secret(SecretId=secret_id(STACK, "shield"))
    yield
    control(up, "outages", {})


def run_directory(up: Up, machine: str) -> Path:
    """Returns the directory in which the machine of a shield (a regional cache) keeps its secrets and credentials."""
    return up.sandbox.path("machines", machine, "root/run/artifact-edge/x").parent


def restart(up: Up, machine: str, address: str) -> None:
    """Kills Traffic Server of a shield machine, and waits until a new process of Traffic Server answers."""
    name = f"machine-{machine}-artifact-edge-shield"
    before = processes.pid_of(up.sandbox, name)
    assert before is not None
    os.killpg(before, signal.SIGKILL)
    health = f"http://{address}:{HEALTH_PORT}{HEALTH_PATH}"
    assert eventually(lambda: processes.pid_of(up.sandbox, name) not in (None, before) and answers(health))


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def read_everywhere(up: Up, key: str, body: bytes) -> None:
    for place in CLIENT_LOCATIONS:
        with httpx.Client(**access(up, place)) as client:
            answer = client.get(f"/{key}")
            assert (answer.status_code, answer.content) == (200, body), place.name


def test_reads_continue_and_shields_restart_without_the_services_of_the_home_region(
    up: Up, request: pytest.FixtureRequest
) -> None:
    """Restarts Traffic Server on two machines of shields (regional caches) while AWS services fail in the home region.
    One machine is in the home region, and the other is in another region.

    Each machine must renew its credentials. It must also get its secret and its certificate again, as a new machine
    does. After that, clients at all locations read a cached object, and an object that only the origin has.
    """
    warm, cold = (f"npm/@acme/greeting/-/greeting-7.7.{number}.tgz" for number in (1, 2))
    bodies = {key: store(up, key, 20_000) for key in (warm, cold)}
    read_everywhere(up, warm, bodies[warm])
    addresses = {shield["name"]: shield["address"] for shield in up.outputs()["shields"]}
    restarted = [(machines(up, region)[0], addresses[f"{region}-0"]) for region in (HOME, AWAY)]
    request.getfixturevalue("outage")
    for machine, address in restarted:
        run = run_directory(up, machine)
        for name in NEEDED_AT_BOOT:
            (run / name).unlink()
        renewed = (run / "s3_auth.config").stat().st_mtime
        restart(up, machine, address)
        assert all((run / name).exists() for name in NEEDED_AT_BOOT)
        assert (run / "s3_auth.config").stat().st_mtime > renewed
    for key, body in bodies.items():
        read_everywhere(up, key, body)
