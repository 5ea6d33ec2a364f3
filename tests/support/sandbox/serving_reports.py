"""Tells the stack that shield machines are ready to serve clients, through parameters in Parameter Store. Real machines
write these parameters themselves. The emulated clouds of these tests run no machines.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

import boto3

from contract.shields import serving_parameters
from tests.support.background import in_background

_PAUSE_SECONDS = 0.5


@contextmanager
def machines_report(aws_url: str, environment: str, regions: tuple[str, ...]) -> Generator[None]:
    """Reports all running EC2 instances of an environment as ready for clients. A thread repeats the reports during the
    `with` block.

    `pulumi up` waits for these reports before it moves addresses to new machines.
    """

    def run(ended: threading.Event) -> None:
        while not ended.wait(_PAUSE_SECONDS):
            for region in regions:
                report_machines(aws_url, environment, region)

    with in_background(run):
        yield


def report_machines(aws_url: str | None, environment: str, region: str) -> None:
    """Reports that each shield machine (a regional cache) serves clients. On AWS, a machine writes this report itself.
    The report is a parameter in Parameter Store that contains the ID of the machine's newest running instance.
    """
    running = [{"Name": "instance-state-name", "Values": ["running"]}]
    reservations = _client(aws_url, "ec2", region).describe_instances(Filters=running)["Reservations"]
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    for instance in sorted(instances, key=lambda instance: instance["LaunchTime"]):
        name = next((tag["Value"] for tag in instance["Tags"] if tag["Key"] == "Name"), "")
        node = name.removeprefix(f"artifact-edge-{environment}-")
        _client(aws_url, "ssm", "us-east-1").put_parameter(
            Name=f"{serving_parameters(environment)}/{node}",
            Value=instance["InstanceId"],
            Type="String",
            Overwrite=True,
        )


def _client(aws_url: str | None, service: str, region: str) -> Any:
    return cast(Any, boto3).client(
        service,
        region_name=region,
        endpoint_url=aws_url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
