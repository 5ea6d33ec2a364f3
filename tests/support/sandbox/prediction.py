"""Helpers for tests that compare two clients. An experiment turns off the edge's prediction of requests for one client.
The tests compare the installs of both clients.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from emulation.layout import ClientLocation
from tests.support.image_registry import Images
from tests.support.images import runnable
from tests.support.sandbox.commands import registry
from tests.support.sandbox.edge import US_EAST, access
from tests.support.sandbox.installs import Finished
from tests.support.sandbox.own_stack import OwnStack
from tests.support.sandbox.shields import logged_at, machines, requests_at
from tests.support.waiting import eventually

REGION = "us-east-1"
CONFIG = {
    "aws:region": REGION,
    "gcp:project": "artifact-edge-unit",
    "artifact-edge:name": "example",
    "artifact-edge:domain": "prediction.artifact-edge.test",
    "artifact-edge:tags": {"owner": "platform", "cost_center": "none"},
    "artifact-edge:blobs": {"store": "s3", "regions": [REGION]},
    "artifact-edge:metadata": {"store": "dynamodb", "regions": [REGION]},
    # The stack has only one shield (a regional cache). With several shields, a PoP can send the same request to a
    # second shield if the first is slow. With one shield, the number of requests does not depend on how fast the shield
    # answers.
    "artifact-edge:shields": [{"cloud": "aws", "region": REGION, "machine_type": "i4i.large", "nodes": 1}],
    "artifact-edge:shield_log_fields": ["time", "method", "path", "status", "install"],
    "artifact-edge:edge": {
        "account_id": "0123456789abcdef0123456789abcdef",
        "zone": "artifact-edge-zone.test",
        "prediction": {"requests": 20},
    },
    "artifact-edge:protect": False,
    "artifact-edge:allow_single_region": True,
}
# A hash of the principal (the owner of a token) decides which variant of the experiment applies. The principal
# `predicted` gets the variant `on`, and `unpredicted` gets `off`.
VARIANTS = [{"name": "on", "weight": 50}, {"name": "off", "weight": 50, "prediction": False}]
EXPERIMENT = {"name": "prediction", "layer": "prediction", "unit": "principal", "variants": VARIANTS}
POLICY = {"format": 1, "rules": [], "experiments": [EXPERIMENT], "operators": ["predicted", "unpredicted"]}
PRINCIPALS = {"on": "predicted", "off": "unpredicted"}
LAYERS = 20  # The number of layers of the image that the clients install.


@dataclass(frozen=True)
class Installed:
    """The results of one install. `verdicts` has the number of the client's responses for each value of the header
    X-Cache. `shield_requests` is the number of requests to the shield. `ids` counts these requests by the field
    `install` of the access log, which is either the id of an install or `prefetch`. `seconds` is the duration of the
    install.
    """

    verdicts: Counter[str]
    shield_requests: int
    ids: Counter[str]
    seconds: float

    @property
    def misses(self) -> int:
        return sum(count for verdict, count in self.verdicts.items() if not verdict.startswith("edge;"))


def run(up: OwnStack, *arguments: str | Path) -> None:
    done = registry(up, *arguments)
    assert done.returncode == 0, done.stderr


def put_experiment(up: OwnStack, directory: Path) -> None:
    """Makes POLICY the current edge policy. Writes the policy to a file in `directory`."""
    policy = directory / "policy.json"
    policy.write_text(json.dumps(POLICY))
    run(up, "edge", "policy", "put", policy, "--replaces", "0", "--principal", "tests")


def await_variants(up: OwnStack, locations: Mapping[str, ClientLocation]) -> None:
    """Waits until the edge assigns each test client to the variant that it is meant for. `locations` maps each variant
    to the location of its client.
    """
    for variant, location in locations.items():
        with httpx.Client(**access(up, location, PRINCIPALS[variant])) as client:
            # The following requests do not count as misses. They get the status 404, and the log event of a 404
            # response contains no tier (the cache that answered).
            assert eventually(
                lambda client=client, variant=variant: (
                    client.get("/npm/absent").headers.get("X-Artifact-Edge-Variant") == f"prediction={variant}"
                )
            )


def image(directory: Path, prefix: str) -> Path:
    """Writes an image with many layers as an OCI image layout. Returns the directory of the layout."""
    images = Images(directory / f"{prefix}-image")
    top = runnable(images, [{f"{prefix}-{number}": f"{prefix} {number} " * 2_000} for number in range(LAYERS)])
    (images.directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (images.directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return images.directory


def events(up: OwnStack, variant: str) -> list[dict[str, Any]]:
    """Returns the PoPs' log events about the client to which EXPERIMENT gives the variant `variant`."""
    found: list[dict[str, Any]] = []
    for path in up.sandbox.path("logs", "x").parent.glob("pop-*-workerd.log"):
        lines = [line[line.index("{") :] for line in path.read_text().splitlines() if '"event":"request"' in line]
        found += [event for event in map(json.loads, lines) if event["variants"] == {"prediction": variant}]
    return found


def await_logs(up: OwnStack, variant: str, location: ClientLocation) -> None:
    """Waits until the logs of the PoPs and the shield contain all earlier requests of the client with the experiment
    variant `variant`.

    Both logs are written with a delay. The function therefore sends one more request, for an object that does not
    exist, and waits until both logs contain this request.
    """
    (machine,) = machines(up, REGION)
    absent = f"absent-{time.monotonic_ns()}"
    before = missing(up, variant)
    with httpx.Client(**access(up, location, PRINCIPALS[variant])) as client:
        assert client.get(f"/npm/{absent}").status_code == 404
    assert eventually(lambda: missing(up, variant) > before)
    assert eventually(lambda: any(absent in key for key in requests_at(up, machine)))


def missing(up: OwnStack, variant: str) -> int:
    return sum(event["status"] == 404 for event in events(up, variant))


def verdicts_of(up: OwnStack, variant: str, ecosystem: str) -> Counter[str]:
    """Counts the requests of one client for packages of an ecosystem, grouped by the value of the response header
    `X-Cache`, such as `edge; hit`. The experiment EXPERIMENT assigns this client to the variant `variant`.
    """
    return Counter(event["tier"] for event in events(up, variant) if event["ecosystem"] == ecosystem and event["tier"])


def install(
    up: OwnStack,
    variant: str,
    ecosystem: str,
    program: Callable[[], Finished],
    location: ClientLocation = US_EAST,
) -> Installed:
    """Runs `program`, which installs packages of one ecosystem. Returns the results of this install."""
    (machine,) = machines(up, REGION)
    before = verdicts_of(up, variant, ecosystem)
    start = time.monotonic()
    done = program()
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr
    await_logs(up, variant, location)
    verdicts = verdicts_of(up, variant, ecosystem) - before
    requests = [each for each in logged_at(up, machine) if each.key.startswith(f"{ecosystem}/")]
    ids = Counter(each.install for each in requests if f"/{variant}" in each.key)
    return Installed(verdicts, ids.total(), ids, seconds)
