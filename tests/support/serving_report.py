"""Reports in the emulated Parameter Store that a machine serves clients, in place of the machine."""

from __future__ import annotations

from emulation.providers.aws.clients import client
from infra.machines.serving import ServingReports


def report(reports: ServingReports, machine: str, value: str) -> None:
    """Writes the report of a machine. `value` is the machine's instance ID, or another report."""
    client("ssm", {"region": reports.region}).put_parameter(
        Name=reports.parameter(machine), Value=value, Type="String", Overwrite=True
    )
