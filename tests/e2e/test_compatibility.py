"""Tests that the last release's worker works with today's shields (regional caches), and today's worker with the last
release's shields.

A release updates the worker and the shields in two separate steps. Between the two steps, old and new versions serve
clients together.

The recorded states of a release hold the worker's bundle and the shields' boot files, byte for byte. The tests are
skipped until a release is recorded (releases/README.md), because no earlier worker or shield exists before that.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import httpx
import pytest
from cloudflare import Cloudflare

from emulation import processes, services
from emulation.engine.command import pulumi
from emulation.engine.find import ensure_engine
from emulation.layout import CLIENT_LOCATIONS
from gates import state
from local.checkout import CHECKOUT
from local.clients import ANONYMOUS
from local.stack import PASSPHRASE, STACK
from previews import release
from tests.support.sandbox.edge import access
from tests.support.sandbox.origin import store
from tests.support.sandbox.shields import machines
from tests.support.sandbox.up import Up

SCRIPT = "cloudflare:index/workersScript:WorkersScript"
NODE = "aws:ec2/instance:Instance"
Inputs = Mapping[str, Any]

pytestmark = pytest.mark.skipif(release.latest(STACK) is None, reason="no release is recorded yet: releases/README.md")


def deployed(up: Up) -> list[Inputs]:
    """Returns the stack's current resources, with secrets in plain text."""
    arguments = ("stack", "export", "--show-secrets", "--stack", STACK)
    result = pulumi(ensure_engine(print), up.sandbox, CHECKOUT, *arguments, passphrase=PASSPHRASE)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["deployment"]["resources"]


def released() -> Sequence[Inputs]:
    file = release.latest(STACK)
    assert file is not None
    return state.read(file)["deployment"]["resources"]


def inputs_of(resources: Sequence[Inputs], kind: str) -> list[Inputs]:
    found = [resource["inputs"] for resource in resources if resource["type"] == kind]
    assert found, kind
    return found


def deploy_worker(up: Up, content: str) -> None:
    """Deploys `content` as the worker's bundle. The bindings of the stack's worker stay the same."""
    (script,) = inputs_of(deployed(up), SCRIPT)
    bindings = [
        {_snake(key): _plain(value) for key, value in binding.items()} for binding in _plain(script["bindings"])
    ]
    metadata: Any = {
        "main_module": script["mainModule"],
        "compatibility_date": script["compatibilityDate"],
        "bindings": bindings,
    }
    Cloudflare(base_url=up.sandbox.cloudflare_url, api_token="local").workers.scripts.update(
        script["scriptName"],
        account_id=script["accountId"],
        metadata=metadata,
        files=[(script["mainModule"], content.encode(), "application/javascript+module")],
    )


def boot_shields(up: Up, user_data: Mapping[str, bytes]) -> None:
    """Reboots the shield machines (regional caches) in the regions of `user_data`, which maps a region to the user data
    of its machines. Waits until all shields in these regions answer.
    """
    shields = [one for one in up.outputs()["shields"] if one["region"] in user_data]
    changed: set[str] = set()
    for region, program in user_data.items():
        ec2 = up.aws("ec2", region)
        for machine in machines(up, region):
            ec2.modify_instance_attribute(InstanceId=machine, UserData={"Value": program})
            changed.add(machine)
    before = _shield_processes(up, changed)
    # The emulation's hypervisor remembers the user data of running machines. The test restarts the hypervisor, and the
    # machines then boot with the new user data.
    processes.stop(up.sandbox, "machines")
    services.start(up.sandbox, services.RUNTIME)
    _wait(lambda: not before & _shield_processes(up, changed) and all(_healthy(one["address"]) for one in shields))


def _user_data(machine: Mapping[str, Any]) -> bytes:
    """Returns the user data of a machine as bytes. Older releases of artifact-edge do not compress user data."""
    return base64.b64decode(machine.get("userDataBase64", "")) or machine["userData"].encode()


def serves_clients(up: Up) -> None:
    """Checks that clients in two client locations can read a packument, and a new tarball that is in no cache yet. Also
    checks that clients without a token cannot read the tarball.
    """
    for client_location in CLIENT_LOCATIONS[:2]:
        key = f"npm/@acme/greeting/-/greeting-7.0.{time.time_ns()}.tgz"
        body = store(up, key, 50_000)
        with httpx.Client(**access(up, client_location)) as client:
            packument = client.get("/npm/@acme/greeting")
            assert (packument.status_code, packument.json()["name"]) == (200, "@acme/greeting")
            first, part = client.get(f"/{key}"), client.get(f"/{key}", headers={"Range": "bytes=-100"})
            assert (first.status_code, first.content, first.headers["x-cache"]) == (200, body, "origin; miss")
            assert (part.status_code, part.content) == (206, body[-100:])
            assert client.get("/npm/@acme/greeting/-/greeting-0.0.0.tgz").status_code == 404
        with httpx.Client(**access(up, client_location, ANONYMOUS)) as stranger:
            assert stranger.get(f"/{key}").status_code == 401


def test_todays_shields_serve_the_last_releases_worker(up: Up) -> None:
    (now,), (before,) = inputs_of(deployed(up), SCRIPT), inputs_of(released(), SCRIPT)
    assert now["content"] != before["content"], "nothing to test: the worker is that of the release"
    with afterwards(lambda: deploy_worker(up, now["content"])):
        deploy_worker(up, before["content"])
        serves_clients(up)


def test_the_last_releases_shields_serve_todays_worker(up: Up) -> None:
    now, before = (
        {one["region"]: _user_data(one) for one in inputs_of(all_of, NODE)} for all_of in (deployed(up), released())
    )
    assert now != before, "nothing to test: the shields boot as those of the release"
    with afterwards(lambda: boot_shields(up, now)):
        boot_shields(up, before)
        serves_clients(up)


@contextmanager
def afterwards(restore: Callable[[], None]) -> Generator[None]:
    """Calls `restore` at the end of the `with` block. `restore` undoes the changes that a test has made, because other
    tests use the same sandbox.
    """
    try:
        yield
    finally:
        restore()


def _shield_processes(up: Up, machines: set[str]) -> set[int]:
    names = [f"machine-{machine}-artifact-edge-shield" for machine in machines]
    return {pid for name in names if (pid := processes.pid_of(up.sandbox, name)) is not None}


def _healthy(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}:8080/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("the machines did not come up with the other user data")
        time.sleep(0.5)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _plain(value: Any) -> Any:
    """Returns the plain value of a secret in a state file; returns any other value unchanged."""
    if not isinstance(value, dict):
        return value
    members = cast(dict[str, Any], value)
    return json.loads(members["plaintext"]) if "plaintext" in members else members
