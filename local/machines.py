"""Finds and starts machines of the stack that a user has stopped.

`pulumi up` does not start a stopped machine. The machine still exists with its disk and its address. Pulumi therefore
sees no difference between its state and the cloud.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from emulation.engine.find import Report
from emulation.layout import Sandbox


def stopped(sandbox: Sandbox, outputs: Mapping[str, Any]) -> list[str]:
    """Returns the names of the stack's EC2 machines that are stopped. The emulated Compute Engine cannot stop
    machines.
    """
    return [name for _, _, name in _stopped(sandbox, outputs)]


def start_stopped(sandbox: Sandbox, outputs: Mapping[str, Any], report: Report) -> None:
    """Starts the stack's EC2 machines that are stopped."""
    for ec2, id, name in _stopped(sandbox, outputs):
        report(f"machine {name} was stopped by hand; starting it")
        ec2.start_instances(InstanceIds=[id])


def _stopped(sandbox: Sandbox, outputs: Mapping[str, Any]) -> Iterator[tuple[Any, str, str]]:
    """Yields three values for each stopped machine: an EC2 client for its region, its ID and its name."""
    import boto3

    session = cast(Any, boto3).Session("local", "local")
    filters = [
        {"Name": "instance-state-name", "Values": ["stopping", "stopped"]},
        {"Name": "tag:environment", "Values": [outputs["environment"]]},
    ]
    nodes = [*outputs["shields"], *outputs.get("pops", [])]
    for region in sorted({node["region"] for node in nodes if node["cloud"] == "aws"}):
        ec2 = session.client("ec2", region_name=region, endpoint_url=sandbox.aws_url)
        for reservation in ec2.describe_instances(Filters=filters)["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
                yield ec2, instance["InstanceId"], tags["Name"]
