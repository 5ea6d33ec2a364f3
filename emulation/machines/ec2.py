"""Finds the running instances of the emulated EC2 in all regions."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import boto3

from emulation.aws import reboots
from emulation.aws.changes import ChangedRegions
from emulation.layout import Sandbox
from emulation.machines.instance import Instance

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

# User data that begins with these bytes is compressed with gzip. cloud-init decompresses such user data (cloud-init,
# "User-data formats").
_GZIP = b"\x1f\x8b"


class Ec2Machines:
    """Finds the running machines of the emulated EC2. Each call of `running` queries only the regions in which EC2 has
    changed since the previous call.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._session = boto3.Session(aws_access_key_id="hypervisor", aws_secret_access_key="hypervisor")  # noqa: S106
        self._url = sandbox.aws_url
        self._clients: dict[str, EC2Client] = {}
        self._user_data: dict[str, str] = {}
        self._reboots: Mapping[str, int] = {}
        self._seen: dict[str, list[Instance]] = {}
        self._changes = ChangedRegions(sandbox.aws_url, {"ec2"})

    def running(self) -> list[Instance]:
        """Returns all running EC2 instances that have a public address and user data. Raises httpx.HTTPError or an
        error of botocore when the emulated EC2 does not answer.
        """
        now = self._changes.now()
        changed = self._changes.since_seen(now)
        if changed:
            self._reboots = reboots.counts(self._url)
        for region in changed:
            self._seen[region] = list(self._in_region(region))
        self._changes.seen(now)
        return [instance for instances in self._seen.values() for instance in instances]

    def _in_region(self, region: str) -> Iterator[Instance]:
        client = self._client(region)
        pages = client.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "instance-state-name", "Values": ["running"]}]
        )
        for page in pages:
            for reservation in page["Reservations"]:
                for described in reservation.get("Instances", []):
                    instance = self._instance(client, described)
                    if instance.address and instance.user_data:
                        yield instance

    def _instance(self, client: EC2Client, described: InstanceTypeDef) -> Instance:
        identity = described.get("InstanceId", "")
        # The method reads the user data only once for each instance. Later changes of the user data have no effect in
        # the emulation. AWS allows such changes only while the instance is stopped.
        if identity not in self._user_data:
            attribute = client.describe_instance_attribute(InstanceId=identity, Attribute="userData")
            data = base64.b64decode(attribute["UserData"].get("Value", ""))
            self._user_data[identity] = (gzip.decompress(data) if data.startswith(_GZIP) else data).decode()
        address, reboots_of_it = described.get("PublicIpAddress", ""), self._reboots.get(identity, 0)
        return Instance(identity, address, self._user_data[identity], reboots=reboots_of_it)

    def _client(self, region: str) -> EC2Client:
        if region not in self._clients:
            self._clients[region] = self._session.client(  # pyright: ignore[reportUnknownMemberType]  one of 400 overloads
                "ec2", region_name=region, endpoint_url=self._url
            )
        return self._clients[region]
