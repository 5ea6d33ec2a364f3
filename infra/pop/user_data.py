"""Renders what a PoP machine boots from: cloud-init user data made of the real files in `machine/`, and of those that
a shield machine has alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import cloud_config
from infra.edge import COMPATIBILITY_DATE
from infra.pop.workerd import Architecture, package
from infra.regions import REGIONS
from infra.shield.user_data import MACHINE as SHIELD

MACHINE = Path(__file__).parent / "machine"
_ALIKE = (
    "etc/artifact-edge/logging.yaml",
    "etc/artifact-edge/runroot.yaml",
    "etc/udev/rules.d/60-artifact-edge-nvme.rules",
    "usr/local/sbin/prepare-nvme",
)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True)
class Worker:
    """The compiled worker in the buckets (name and region, the nearest first), under `key`, with its digest."""

    buckets: Sequence[tuple[str, str]]
    key: str
    sha256: str


@dataclass(frozen=True)
class Table:
    """The metadata table that says what tokens are good for: a replica near the PoP, and the home of all writes."""

    name: str
    nearest: str
    home: str


@dataclass(frozen=True)
class PopSettings:
    """What differs between the machines of two PoPs.

    `shields` is the text of the worker's SHIELDS binding. Both secrets are JSON in Secrets Manager in `secret_region`:
    the edge's (docs/architecture.md), and the `certificate` and `key` for the hostname.
    """

    region: str
    architecture: Architecture
    hostname: str
    shields: str
    worker: Worker
    table: Table
    edge_secret_id: str
    certificate_secret_id: str
    secret_region: str


def user_data(settings: PopSettings) -> str:
    """The cloud-config of one PoP machine, gzip in base64; the same settings always give the same bytes."""
    if not _HOST.fullmatch(settings.hostname):
        raise cloud_config.UserDataError(f"hostname {settings.hostname!r} of the PoP in {settings.region} is none")
    head = MACHINE / "cloud-config.yaml"
    return cloud_config.render_compressed(f"PoP in {settings.region}", head, _entries(settings))


def _entries(settings: PopSettings) -> Iterator[Mapping[str, str]]:
    yield from cloud_config.plain_tree(SHIELD / "files", {}, only=_ALIKE)
    yield from cloud_config.plain_tree(MACHINE / "files", _holes(settings))
    yield {"path": "/etc/artifact-edge/shields.json", "permissions": "0644", "content": settings.shields}


def _holes(settings: PopSettings) -> Mapping[str, str]:
    place, worker, workerd = REGIONS[settings.region], settings.worker, package(settings.architecture)
    return {
        "CERTIFICATE_SECRET_ID": settings.certificate_secret_id,
        "COMPATIBILITY_DATE": COMPATIBILITY_DATE,
        "CONTINENT": place.continent,
        "EDGE_SECRET_ID": settings.edge_secret_id,
        "HOSTNAME": settings.hostname,
        "LATITUDE": str(place.latitude),
        "LONGITUDE": str(place.longitude),
        "METADATA_HOME": settings.table.home,
        "METADATA_NEAREST": settings.table.nearest,
        "METADATA_TABLE": settings.table.name,
        "REGION": settings.region,
        "SECRET_REGION": settings.secret_region,
        "WORKERD_SHA512": workerd.sha512,
        "WORKERD_URL": workerd.url,
        "WORKER_BUCKETS": " ".join(f"{bucket}@{region}" for bucket, region in worker.buckets),
        "WORKER_KEY": worker.key,
        "WORKER_SHA256": worker.sha256,
    }
