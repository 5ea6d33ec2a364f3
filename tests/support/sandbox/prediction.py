"""Lets tests compare installs with and without prediction, which an experiment turns off for one of two clients."""

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
    # The stack has only one shield, so that no PoP sends hedged requests to a second one. The number of requests to
    # shields therefore does not depend on how long the answers take.
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
# The hash of a principal decides its variant of the experiment: `on` for `predicted`, and `off` for `unpredicted`.
VARIANTS = [{"name": "on", "weight": 50}, {"name": "off", "weight": 50, "prediction": False}]
EXPERIMENT = {"name": "prediction", "layer": "prediction", "unit": "principal", "variants": VARIANTS}
POLICY = {"format": 1, "rules": [], "experiments": [EXPERIMENT], "operators": ["predicted", "unpredicted"]}
PRINCIPALS = {"on": "predicted", "off": "unpredicted"}
LAYERS = 20  # the number of layers of the image that the clients install


@dataclass(frozen=True)
class Installed:
    """The results of one install. `verdicts` counts the client's responses by their header X-Cache. `shield_requests`
    is the number of requests to the shield. `ids` counts these requests by their id in the access log: an install id,
    or `prefetch`. `seconds` is the duration of the install.
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
    """Puts the edge policy POLICY into force. Writes the policy to a file in `directory`."""
    policy = directory / "policy.json"
    policy.write_text(json.dumps(POLICY))
    run(up, "edge", "policy", "put", policy, "--replaces", "0", "--principal", "tests")


def await_variants(up: OwnStack, locations: Mapping[str, ClientLocation]) -> None:
    """Waits until the edge assigns one client to each variant. `locations` maps a variant to the location of the
    client.
    """
    for variant, location in locations.items():
        with httpx.Client(**access(up, location, PRINCIPALS[variant])) as client:
            # The requests below get the status 404. The log event of a 404 response has no tier, so these requests do
            # not count as misses.
            assert eventually(
                lambda client=client, variant=variant: (
                    client.get("/npm/absent").headers.get("X-Artifact-Edge-Variant") == f"prediction={variant}"
                )
            )


def image(directory: Path, prefix: str) -> Path:
    """Writes the OCI image layout of an image with many layers, and returns the directory of the layout."""
    images = Images(directory / f"{prefix}-image")
    top = runnable(images, [{f"{prefix}-{number}": f"{prefix} {number} " * 2_000} for number in range(LAYERS)])
    (images.directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (images.directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return images.directory


def events(up: OwnStack, variant: str) -> list[dict[str, Any]]:
    """Returns the PoPs' log events about one client. EXPERIMENT gives the client the variant `variant`."""
    found: list[dict[str, Any]] = []
    for path in up.sandbox.path("logs", "x").parent.glob("pop-*-workerd.log"):
        lines = [line[line.index("{") :] for line in path.read_text().splitlines() if '"event":"request"' in line]
        found += [event for event in map(json.loads, lines) if event["variants"] == {"prediction": variant}]
    return found


def await_logs(up: OwnStack, variant: str, location: ClientLocation) -> None:
    """Waits until the logs of the PoPs and the shield have all requests of the client with the experiment variant
    `variant`.

    Both logs are written with a delay. The function therefore requests an object that does not exist, and waits until
    both logs contain this request.
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
    """Counts one client's requests for packages of an ecosystem by the value of `X-Cache`, such as `edge; hit`.
    EXPERIMENT gives the client the variant `variant`.
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
