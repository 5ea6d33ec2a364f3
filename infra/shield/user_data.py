"""Renders what a shield machine boots from: cloud-init user data made of the real files in `machine/`.

`machine/cloud-config.yaml` is the head; the tree below `machine/files/` mirrors the machine's file system, and every
file of it becomes one `write_files` entry, byte for byte. A file whose name ends in `.in` has holes, written `@NAME@`.
What a deployment puts in is thus in few files, and those that say whom the machine asks stay readable in user data, and
in plans; the others are compressed, because all together they are more than EC2 takes.

EC2 takes 16,384 bytes, and each file of the tree spends some of them. Comments count as well: a line of prose in
`shield.lua` costs about 60 bytes after compression and base64. `tests/unit/infra/shield/test_user_data.py` says how
many bytes are left.
"""

from __future__ import annotations

import base64
import gzip
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from infra.blobs import Store

# Bytes of user data that EC2 takes, before base64 (EC2 User Guide, "Run commands when you launch an EC2 instance").
USER_DATA_LIMIT = 16 * 1024

_MACHINE = Path(__file__).parent / "machine"
_FILES = _MACHINE / "files"
_ORIGIN_PORTS = (9001, 9002, 9003, 9004)  # as in records.config
MOST_ORIGINS = len(_ORIGIN_PORTS)
"""Buckets that a shield can read from, a standby among them."""
_READABLE = {"regions.in", "shield.env.in"}
_AUTHORIZED: Mapping[Store, str] = {
    "s3": " @plugin=s3_auth.so @pparam=--config @pparam=/run/artifact-edge/s3_auth.config"
    " @pparam=--v4-region-map @pparam=/etc/artifact-edge/regions",
    "gcs": " @plugin=tslua.so @pparam=/etc/artifact-edge/bearer.lua",
}
"""How an origin is told who asks."""
_OF_CLOUD_STORAGE = {"bearer.lua"}
_HOLE = re.compile(r"@([A-Z_]+)@")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True)
class Origin:
    """A bucket that a shield reads from: `host` is its virtual-hosted endpoint, without scheme or port. To S3 requests
    are signed, Cloud Storage is told the access token of the machine's service account."""

    bucket: str
    region: str
    host: str
    store: Store = "s3"


@dataclass(frozen=True)
class MachineSettings:
    """What differs between two shield machines.

    `origins` are tried in this order, so the nearest comes first: right for what never changes. Documents that are
    written again are asked of the one in `primary` first, as another may hold an older one without knowing. `role_arn`
    is what the machine is to AWS: its instance's role or, on Google Cloud, the one that it takes on. `standby` is a
    copy of an hour ago, or less: it is asked when no origin can answer, and not of what an origin lacks.
    """

    region: str
    cloud: Literal["aws", "gcp"]
    origins: Sequence[Origin]
    primary: str
    secret_id: str
    secret_region: str
    role_arn: str
    standby: Origin | None = None

    @property
    def asked(self) -> Sequence[Origin]:
        """All of them, the standby last."""
        return [*self.origins, *([self.standby] if self.standby else [])]


class UserDataError(ValueError):
    """The settings cannot be rendered into user data that a machine would boot from."""


def user_data(settings: MachineSettings) -> str:
    """The cloud-config of one shield machine; the same settings always give the same bytes."""
    holes = _holes(settings)
    document = cast("dict[str, Any]", yaml.safe_load((_MACHINE / "cloud-config.yaml").read_text()))
    left_out = set[str]() if any(origin.store == "gcs" for origin in settings.asked) else _OF_CLOUD_STORAGE
    document["write_files"] = list(_write_files(holes, left_out))
    rendered = "#cloud-config\n" + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1 << 16)
    size = len(rendered.encode())
    if size > USER_DATA_LIMIT:
        raise UserDataError(
            f"user data of the shield in {settings.region} is {size} bytes; EC2 takes {USER_DATA_LIMIT}. Shorten the "
            "files in infra/shield/machine (comments count) or the names of the buckets"
        )
    return rendered


def _holes(settings: MachineSettings) -> Mapping[str, str]:
    asked, number = settings.asked, len(settings.origins)
    if not 1 <= len(asked) <= MOST_ORIGINS:
        raise UserDataError(f"the shield in {settings.region} has {len(asked)} origins; it takes 1 to {MOST_ORIGINS}")
    for origin in asked:
        if not _HOST.fullmatch(origin.host):
            raise UserDataError(f"origin host {origin.host!r} of bucket {origin.bucket} is not a host name")
        if origin.store == "gcs" and settings.cloud != "gcp":
            raise UserDataError(f"the shield in {settings.region} has no Google token for the bucket {origin.bucket}")
    ports = _ORIGIN_PORTS[: len(asked)]
    parents = [f"127.0.0.1:{port}" for port in ports]
    first = [parents[n] for n, origin in enumerate(settings.origins) if origin.region == settings.primary]
    if len(first) != 1:
        raise UserDataError(f"the shield in {settings.region} has no single origin in {settings.primary}, the primary")
    return {
        "NEAREST_FIRST": ";".join(parents),
        "PRIMARY_FIRST": ";".join([*first, *(parent for parent in parents if parent not in first)]),
        "ORIGIN_REGIONS": "\n".join(f"{origin.host}: {origin.region}" for origin in asked if origin.store == "s3"),
        "ORIGIN_RULES": "\n".join(
            f"map_with_recv_port http://objects.internal:{port}/ https://{origin.host}/"
            f"{_AUTHORIZED[origin.store]}"
            " @plugin=tslua.so @pparam=/etc/artifact-edge/origin.lua"
            " @plugin=conf_remap.so @pparam=proxy.config.http.cache.http=0"
            for port, origin in zip(ports, asked, strict=True)
        ),
        # Traffic Server drops a line that says 0. What an origin lacks or refuses is asked of the others, and not of
        # the standby behind them: it may still have what was withdrawn.
        "RETRY": "both" if number > 1 or not settings.standby else "unavailable_server_retry",
        "RETRIES": str(max(1, number - 1)),
        "FAILURES": str(max(1, len(asked) - 1)),
        "SECRET_ID": settings.secret_id,
        "SECRET_REGION": settings.secret_region,
        "CLOUD": settings.cloud,
        "ROLE_ARN": settings.role_arn,
    }


def _write_files(holes: Mapping[str, str], left_out: Collection[str]) -> Iterator[dict[str, str]]:
    for file in sorted(path for path in _FILES.rglob("*") if path.is_file() and path.name not in left_out):
        path = "/" + file.relative_to(_FILES).as_posix()
        permissions = "0755" if file.stat().st_mode & stat.S_IXUSR else "0644"
        content = file.read_text()
        if file.suffix == ".in":
            path = path.removesuffix(".in")
            content = _HOLE.sub(lambda hole: holes[hole[1]], content)
        if file.name in _READABLE:
            yield {"path": path, "permissions": permissions, "content": content}
        else:
            packed = base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()
            yield {"path": path, "permissions": permissions, "encoding": "gz+b64", "content": packed}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as literal blocks, so that user data stays readable in a console."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
