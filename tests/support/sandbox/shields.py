"""Helpers for tests of the shield machines (regional caches) in a sandbox of emulated clouds. Tests can find the
machines, count the requests that reach a machine, and use a machine's credentials.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import boto3

from contract.shields import EDGE_PORT
from tests.support.sandbox.up import Up


def machines(up: Up, region: str) -> list[str]:
    """Returns the instance ids of the shields (regional caches) in an AWS region, in the order of their names."""
    reservations = up.aws("ec2", region).describe_instances()["Reservations"]
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    named = {tag["Value"]: each["InstanceId"] for each in instances for tag in each["Tags"] if tag["Key"] == "Name"}
    # The names of PoP machines have `pop-` before the region.
    prefix = f"artifact-edge-{up.outputs()['environment']}-{region}-"
    return [named[name] for name in sorted(named) if name.startswith(prefix)]


@dataclass(frozen=True)
class ShieldRequest:
    """A request from the edge, as recorded in a shield's access log. `status` is the status of the shield's response.
    `install` identifies the install to which the request belongs (docs/access-logs.md).
    """

    key: str
    time: datetime
    status: int
    install: str = "-"


def requests_at(up: Up, machine: str) -> Counter[str]:
    """Returns the number of the edge's requests for each object key in a shield's access log.

    Traffic Server writes the log with a delay of some seconds. Requests that the shield sends to itself do not count.
    """
    return Counter(each.key for each in logged_at(up, machine))


def logged_at(up: Up, machine: str) -> Sequence[ShieldRequest]:
    """Returns the requests of the edge in a shield's access log, the oldest first."""
    log = up.sandbox.path("machines", machine, "root/var/log/artifact-edge/access.log")
    return [_request(record) for record in records_in(log) if record["port"] == EDGE_PORT]


def records_in(log: Path) -> Sequence[Mapping[str, Any]]:
    """Returns the records in a shield's access log. Ignores the last line if Traffic Server has not written it
    completely.
    """
    text = log.read_text() if log.exists() else ""
    return [json.loads(line) for line in text.rpartition("\n")[0].splitlines()]


def _request(record: Mapping[str, Any]) -> ShieldRequest:
    time = datetime.strptime(record["time"], "%d/%b/%Y:%H:%M:%S %z")
    key = unquote(record["path"]).removeprefix("objects/")
    return ShieldRequest(key, time, record["status"], record["install"])


def origin_credentials(root: Path) -> dict[str, str]:
    """Returns the credentials with which a shield (a regional cache) signs requests to origins. `root` is the machine's
    root directory.
    """
    lines = (root / "run/artifact-edge/s3_auth.config").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def client_with(up: Up, credentials: Mapping[str, str], service: str) -> Any:
    """Returns a boto3 client in `us-east-1` that uses a shield's credentials from outside the shield."""
    return cast(Any, boto3).client(
        service,
        region_name="us-east-1",
        endpoint_url=up.sandbox.aws_url,
        aws_access_key_id=credentials["access_key"],
        aws_secret_access_key=credentials["secret_key"],
        aws_session_token=credentials["session_token"],
    )
