"""Measures how the time of `pulumi preview` grows with the number of regions: for the stack prod, and for prod with 40
shield regions.

`python -m bench.regions` previews both stacks with the real engine on emulated clouds, with and without the policy
pack. The program prints the results as JSON, and draws docs/previews.svg.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.chart import Bars, draw
from contract.regions import REGIONS
from local.checkout import CHECKOUT
from previews import plans
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox

LOOPBACK = "127.74"
REGIONS_WANTED = 40
PROD, MANY = "prod", f"prod-{REGIONS_WANTED}"
_TYPES = {"aws": "i4i.2xlarge", "gcp": "n2-standard-8"}
_NODES = 2


@dataclass(frozen=True)
class Preview:
    """One measured `pulumi preview`. `resources` is the number of resources that the plan would create, including
    components.
    """

    stack: str
    policies: bool
    cold: bool
    seconds: float
    resources: int

    @property
    def milliseconds_each(self) -> float:
        return self.seconds * 1000 / self.resources


def widened(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of the stack prod with shields (regional caches) in 40 regions (REGIONS_WANTED). The added
    regions belong alternately to AWS and Google Cloud.
    """
    shields = list(config["artifact-edge:shields"])
    there = {shield["region"] for shield in shields}
    by_cloud = [
        [name for name, region in REGIONS.items() if region.cloud == cloud and name not in there] for cloud in _TYPES
    ]
    for name in _alternating(by_cloud):
        if len(shields) == REGIONS_WANTED:
            break
        cloud = REGIONS[name].cloud
        shields.append({"cloud": cloud, "region": name, "machine_type": _TYPES[cloud], "nodes": _NODES})
    return {**config, "artifact-edge:shields": shields}


def _alternating(lists: Sequence[Sequence[str]]) -> Iterator[str]:
    for number in range(max(map(len, lists))):
        yield from (names[number] for names in lists if number < len(names))


def measure(rounds: int, modes: Sequence[bool]) -> list[Preview]:
    """Measures the duration of `pulumi preview` for the stacks PROD and MANY. In each round, every stack gets one
    preview for each value in `modes`. A preview with the value True runs the policy pack, and a preview with False does
    not.

    The first round is marked as `cold`. It is slower, because the operating system has not cached the files yet.
    """
    with temporary_sandbox(LOOPBACK, print) as sandbox:
        stacks = sandbox.project / "stacks"
        config = yaml.safe_load((stacks / f"Pulumi.{PROD}.yaml").read_text())["config"]
        (stacks / f"Pulumi.{MANY}.yaml").write_text(yaml.safe_dump({"config": widened(config)}))
        for stack in (PROD, MANY):
            sandbox.new_stack(stack)
        settings = sandbox.clouds.path("policies.json")
        settings.write_text(json.dumps(_policy_settings()))
        return [
            _preview(sandbox, stack, policies=policies, cold=number == 0, settings=settings)
            for number in range(rounds)
            for policies in modes
            for stack in (PROD, MANY)
        ]


def _policy_settings() -> dict[str, Any]:
    """Returns the policy pack's settings for previews of the stacks prod and prod-40. The function changes two settings
    of prod. It adds the functions of the stack prod-40 to the list `open` of the policy `multi-function-callers-named`.
    It also disables the budget policy, because 40 regions would exceed the budget.
    """
    settings = json.loads((CHECKOUT / "policies" / "config" / f"{PROD}.json").read_text())
    functions = settings["multi-function-callers-named"]
    functions["open"] += [name.replace(f"-{PROD}-", f"-{MANY}-") for name in functions["open"]]
    return {**settings, "stack-cost-within-budget": "disabled"}


def _preview(sandbox: TemporarySandbox, stack: str, *, policies: bool, cold: bool, settings: Path) -> Preview:
    pack = ["--policy-pack", "policies", "--policy-pack-config", str(settings)] if policies else []
    started = time.monotonic()
    planned = plans.plan(sandbox, stack, *pack)
    seconds = time.monotonic() - started
    if not planned.ok:
        raise SystemExit("\n".join([f"{stack} does not preview:", *planned.refusals]))
    made = Preview(stack, policies, cold, seconds, planned.document["changeSummary"]["create"])
    print(f"{json.dumps(asdict(made))}  {made.milliseconds_each:.1f} ms a resource", flush=True)
    return made


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--policies", choices=["with", "without", "both"], default="both")
    given = options.parse_args()
    modes = {"with": (True,), "without": (False,), "both": (False, True)}[given.policies]
    runs = measure(given.rounds, modes)
    bars = [
        Bars(f"{stack}, {'with' if policies else 'without'} policies, {resources} resources", values)
        for policies in modes
        for stack in (PROD, MANY)
        if (values := [run.milliseconds_each for run in runs if (run.stack, run.policies) == (stack, policies)])
        for resources in [next(run.resources for run in runs if run.stack == stack)]
    ]
    title = "Preview: milliseconds a resource, one bar a run, the first one cold"
    (CHECKOUT / "docs" / "previews.svg").write_text(draw(title, bars))
    for bar in bars:
        print(f"{bar.label}: {statistics.median(bar.values[1:] or bar.values):.1f} ms a resource (median of warm runs)")


if __name__ == "__main__":
    main()
