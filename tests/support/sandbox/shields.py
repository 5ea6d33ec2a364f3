"""Lets tests find the shield machines of a sandbox, and count the requests that reached one."""

from __future__ import annotations

import json
from collections import Counter
from urllib.parse import unquote

from contract.shields import EDGE_PORT
from tests.support.sandbox.up import Up


def machines(up: Up, region: str) -> list[str]:
    """Returns the instance ids of the shields in an AWS region, in the order of their names."""
    reservations = up.aws("ec2", region).describe_instances()["Reservations"]
    instances = [instance for reservation in reservations for instance in reservation["Instances"]]
    named = {tag["Value"]: each["InstanceId"] for each in instances for tag in each["Tags"] if tag["Key"] == "Name"}
    return [named[name] for name in sorted(named)]


def requests_at(up: Up, machine: str) -> Counter[str]:
    """Returns how often the edge requested each object key from a shield, by the shield's access log.

    Traffic Server writes the log with a delay of some seconds. Requests that the shield sends to itself do not count.
    """
    log = up.sandbox.path("machines", machine, "root/var/log/artifact-edge/access.log")
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return Counter(unquote(line["path"]).removeprefix("objects/") for line in lines if line["port"] == EDGE_PORT)
