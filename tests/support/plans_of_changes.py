"""Defines changes to a deployed stack, and returns the Pulumi engine's plan for each change.

`python -m tests.support.plans_of_changes` records the plans. Unit tests read the recorded plans and do not need the
engine.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import boto3
import yaml

from infra.machines.user_data import compressed
from local import operator
from previews import plans
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox

LOOPBACK = "127.88"
STACK = "local"
RECORDINGS = Path(__file__).parents[1] / "unit" / "gates" / "recorded"

Config = dict[str, Any]
_RECORDED_FIELDS = ("urn", "type", "custom", "parent", "inputs", "dependencies", "propertyDependencies")
_PROGRAMS = ("content", "userData", "userDataBase64", "user-data", "schema")


@contextmanager
def deployed() -> Generator[TemporarySandbox]:
    """Runs a temporary sandbox of emulated clouds and deploys a stack in it. The stack has four shields (regional
    caches): two in us-east-1, one in eu-west-1, and one on Google Cloud. It has no own PoPs, because no change concerns
    them, and because they would make each plan slower.
    """
    with temporary_sandbox(LOOPBACK, print) as sandbox:
        apply_to_config(sandbox, _no_own_pops)
        sandbox.new_stack(STACK)
        up = sandbox.pulumi("up", "--yes", "--skip-preview", "--stack", STACK)
        assert up.returncode == 0, up.stdout + up.stderr
        yield sandbox


def _no_own_pops(sandbox: TemporarySandbox, config: Config) -> None:
    for setting in ("pops", "pops_percent"):
        del config[f"artifact-edge:{setting}"]


def nothing(sandbox: TemporarySandbox, config: Config) -> None:
    """Makes no change. The plan gate (a check before `pulumi up`) must accept the resulting plan."""


def no_shields_in_europe(sandbox: TemporarySandbox, config: Config) -> None:
    config["artifact-edge:shields"] = [one for one in config["artifact-edge:shields"] if one["region"] != "eu-west-1"]


def one_shield_removed(sandbox: TemporarySandbox, config: Config) -> None:
    config["artifact-edge:shields"][0]["nodes"] = 1


def bigger_machines(sandbox: TemporarySandbox, config: Config) -> None:
    for shield in config["artifact-edge:shields"]:
        shield["machine_type"] = {"aws": "i4i.xlarge", "gcp": "n2-standard-4"}[shield["cloud"]]


def origins_in_reverse_order(sandbox: TemporarySandbox, config: Config) -> None:
    config["artifact-edge:metadata"]["regions"].reverse()


def another_domain_and_certificate(sandbox: TemporarySandbox, config: Config) -> None:
    config["artifact-edge:domain"] = "elsewhere.test"
    manager = cast(Any, boto3).client(
        "secretsmanager",
        region_name="us-east-1",
        endpoint_url=sandbox.clouds.aws_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    # Removes the replica of the secret before the secret. Secrets Manager refuses to delete a secret that has replicas
    # in other regions.
    manager.remove_regions_from_replication(
        SecretId=f"artifact-edge/{STACK}/shield", RemoveReplicaRegions=["eu-west-1"]
    )
    for name in ("edge", "shield", "authority"):
        manager.delete_secret(SecretId=f"artifact-edge/{STACK}/{name}", ForceDeleteWithoutRecovery=True)
    operator.make_keys(sandbox.clouds, STACK, sandbox.project / "stacks")
    operator.add_edge_zone(sandbox.clouds, STACK, sandbox.project / "stacks")


CHANGES: Mapping[str, Callable[[TemporarySandbox, Config], None]] = {
    change.__name__: change
    for change in (
        nothing,
        one_shield_removed,
        no_shields_in_europe,
        bigger_machines,
        origins_in_reverse_order,
        another_domain_and_certificate,
    )
}


def apply_to_config(sandbox: TemporarySandbox, change: Callable[[TemporarySandbox, Config], None]) -> None:
    file = sandbox.project / "stacks" / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(file.read_text())
    change(sandbox, document["config"])
    file.write_text(yaml.safe_dump(document))


def plan_of(sandbox: TemporarySandbox, name: str) -> Any:
    """Applies one named change to the stack's config. Returns Pulumi's plan for the change. Restores the config at the
    end.
    """
    file = sandbox.project / "stacks" / f"Pulumi.{STACK}.yaml"
    before = file.read_text()
    try:
        apply_to_config(sandbox, CHANGES[name])
        planned = plans.plan(sandbox, STACK)
    finally:
        file.write_text(before)
    assert planned.ok, planned.refusals
    return planned.document


def slim(document: Any) -> Any:
    """Returns the parts of a Pulumi plan that the plan gates (the checks before a deployment) read. Leaves out stack
    traces, source code and keys.
    """

    def resource(state: Mapping[str, Any] | None) -> Any:
        return state and _shortened({key: state[key] for key in _RECORDED_FIELDS if key in state})

    steps = [
        {
            "op": step["op"],
            "urn": step["urn"],
            "oldState": resource(step.get("oldState")),
            "newState": resource(step.get("newState")),
            "detailedDiff": step.get("detailedDiff"),
        }
        for step in document["steps"]
    ]
    return {"steps": steps, "changeSummary": document["changeSummary"]}


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast(dict[str, Any], value)
        return {
            key: _boot(key, item) if key in _PROGRAMS and isinstance(item, str) else _shortened(item)
            for key, item in members.items()
        }
    return [_shortened(item) for item in cast(list[Any], value)] if isinstance(value, list) else value


def _boot(key: str, program: str) -> str:
    """Returns only the lines of a machine's user data that contain an AWS URL, because the plan gate (gates/), which
    checks Pulumi plans, reads no other lines. If `key` is `userDataBase64`, `program` is compressed, and so is the
    result.
    """
    if key == "userDataBase64":
        return compressed(_boot("userData", gzip.decompress(base64.b64decode(program)).decode()))
    return "\n".join(line.strip() for line in program.splitlines() if "https://" in line and "amazonaws.com" in line)


def main() -> None:
    RECORDINGS.mkdir(exist_ok=True)
    with deployed() as sandbox:
        for name in CHANGES:
            recorded = json.dumps(slim(plan_of(sandbox, name)), sort_keys=True)
            (RECORDINGS / f"{name}.json.gz").write_bytes(gzip.compress(recorded.encode(), mtime=0))


if __name__ == "__main__":
    main()
