"""Renders what a shield machine boots from: cloud-init user data made of the real files in `machine/`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra import cloud_config
from infra.cloud_config import UserDataError

MACHINE = Path(__file__).parent / "machine"
_ORIGIN_PORTS = (9001, 9002, 9003, 9004)  # as in records.config
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True)
class Origin:
    """A bucket that a shield reads from: `host` is its virtual-hosted endpoint, without scheme or port."""

    bucket: str
    region: str
    host: str


@dataclass(frozen=True)
class MachineSettings:
    """What differs between two shield machines.

    `origins` are tried in this order, so the nearest comes first: right for what never changes. Documents that are
    written again are asked of the one in `primary` first, as another may hold an older one without knowing.
    """

    region: str
    cloud: Literal["aws", "gcp"]
    origins: Sequence[Origin]
    primary: str
    secret_id: str
    secret_region: str


def user_data(settings: MachineSettings) -> str:
    """The cloud-config of one shield machine; the same settings always give the same bytes."""
    entries = cloud_config.tree(MACHINE / "files", _holes(settings))
    return cloud_config.render(f"shield in {settings.region}", MACHINE / "cloud-config.yaml", entries)


def _holes(settings: MachineSettings) -> Mapping[str, str]:
    if not 1 <= len(settings.origins) <= len(_ORIGIN_PORTS):
        raise UserDataError(
            f"the shield in {settings.region} has {len(settings.origins)} origins; it takes 1 to {len(_ORIGIN_PORTS)}"
        )
    for origin in settings.origins:
        if not _HOST.fullmatch(origin.host):
            raise UserDataError(f"origin host {origin.host!r} of bucket {origin.bucket} is not a host name")
    ports = _ORIGIN_PORTS[: len(settings.origins)]
    parents = [f"127.0.0.1:{port}" for port in ports]
    first = [parents[n] for n, origin in enumerate(settings.origins) if origin.region == settings.primary]
    if len(first) != 1:
        raise UserDataError(f"the shield in {settings.region} has no single origin in {settings.primary}, the primary")
    return {
        "NEAREST_FIRST": ";".join(parents),
        "PRIMARY_FIRST": ";".join([*first, *(parent for parent in parents if parent not in first)]),
        "ORIGIN_REGIONS": "\n".join(f"{origin.host}: {origin.region}" for origin in settings.origins),
        "ORIGIN_RULES": "\n".join(
            f"map_with_recv_port http://objects.internal:{port}/ https://{origin.host}/"
            " @plugin=s3_auth.so @pparam=--config @pparam=/run/artifact-edge/s3_auth.config"
            " @pparam=--v4-region-map @pparam=/etc/artifact-edge/regions"
            " @plugin=tslua.so @pparam=/etc/artifact-edge/origin.lua"
            " @plugin=conf_remap.so @pparam=proxy.config.http.cache.http=0"
            for port, origin in zip(ports, settings.origins, strict=True)
        ),
        # Traffic Server drops a line that says 0.
        "RETRIES": str(max(1, len(settings.origins) - 1)),
        "SECRET_ID": settings.secret_id,
        "SECRET_REGION": settings.secret_region,
    }
