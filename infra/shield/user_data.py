"""Renders the user data of a shield machine: a cloud-config document made from the files in `machine/`.

The document begins with the content of `machine/cloud-config.yaml`. The tree below `machine/files/` mirrors the
machine's file system, and each file in the tree becomes one `write_files` entry with the same content. In files whose
names end in `.in`, values of the deployment replace the placeholders of the form `@NAME@`.

EC2 limits user data to 16,384 bytes, so machines on EC2 get compressed user data. cloud-init decompresses user data at
boot (cloud-init, "User-data formats").
"""

from __future__ import annotations

import base64
import gzip
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from contract.regions import Cloud, nearest_first
from infra.blobs import Bucket, Store
from infra.shield import BootSettings

# The most bytes of user data that a cloud accepts. EC2 counts the bytes before base64 encoding (EC2 User Guide, "Run
# commands when you launch an EC2 instance"). Compute Engine limits each metadata value ("About VM metadata").
USER_DATA_LIMITS: Mapping[Cloud, int] = {"aws": 16 * 1024, "gcp": 256 * 1024}

_MACHINE = Path(__file__).parent / "machine"
_FILES = _MACHINE / "files"
_CLOUDS: Mapping[Cloud, str] = {"aws": "EC2", "gcp": "Compute Engine"}
# Traffic Server listens on one of these local ports for each origin bucket. records.config lists the same ports.
_ORIGIN_PORTS = (9001, 9002, 9003, 9004)
# The most buckets that a shield machine can read from, including the standby bucket.
MOST_ORIGINS = len(_ORIGIN_PORTS)
# How each request to an origin is authorized: signed for S3, with the service account's token for Cloud Storage.
_AUTHORIZED: Mapping[Store, str] = {
    "s3": " @plugin=s3_auth.so @pparam=--config @pparam=/run/artifact-edge/s3_auth.config"
    " @pparam=--v4-region-map @pparam=/etc/artifact-edge/regions",
    "gcs": " @plugin=tslua.so @pparam=/etc/artifact-edge/bearer.lua",
}
_OF_CLOUD_STORAGE = {"bearer.lua"}
_PLACEHOLDER = re.compile(r"@([A-Z_]+)@")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


class UserDataError(ValueError):
    """Raised when the settings of a shield machine would make invalid user data."""


def render_user_data(boot: BootSettings, region: str, cloud: Cloud, role_arn: str) -> str:
    """Returns the cloud-config of a shield machine in `region`. The same arguments always give the same bytes."""
    origins = _nearest_first(boot.buckets, region)
    standby = [boot.standby] if boot.standby and cloud == "gcp" else []
    _check(origins, standby, region, cloud)
    values = {
        **_origin_values(origins, standby, boot.buckets[0]),
        "SECRET_ID": boot.secret_id,
        "SECRET_REGION": boot.secret_region,
        "CERTIFICATE_PARAMETER": boot.certificate_parameter,
        "CLOUD": cloud,
        "ROLE_ARN": role_arn,
    }
    document = cast("dict[str, Any]", yaml.safe_load((_MACHINE / "cloud-config.yaml").read_text()))
    left_out = set[str]() if any(origin.store == "gcs" for origin in [*origins, *standby]) else _OF_CLOUD_STORAGE
    document["write_files"] = list(_write_files(values, left_out))
    rendered = "#cloud-config\n" + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1 << 16)
    size = user_data_size(rendered, cloud)
    if size > USER_DATA_LIMITS[cloud]:
        raise UserDataError(
            f"user data of the shield in {region} is {size} bytes; {_CLOUDS[cloud]} takes {USER_DATA_LIMITS[cloud]}. "
            "Shorten the files in infra/shield/machine or the names of the buckets"
        )
    return rendered


def user_data_size(rendered: str, cloud: Cloud) -> int:
    """Returns the size of user data in bytes, as the cloud counts them for its limit: compressed on EC2."""
    return len(gzip.compress(rendered.encode(), mtime=0)) if cloud == "aws" else len(rendered.encode())


def compressed(rendered: str) -> str:
    """Returns user data compressed with gzip and encoded in base64, which is the form that the EC2 API accepts."""
    return base64.b64encode(gzip.compress(rendered.encode(), mtime=0)).decode()


def _nearest_first(buckets: Sequence[Bucket], region: str) -> list[Bucket]:
    by_region = {bucket.region: bucket for bucket in buckets}
    return [by_region[name] for name in nearest_first(region, by_region)]


def _check(origins: Sequence[Bucket], standby: Sequence[Bucket], region: str, cloud: Cloud) -> None:
    asked = [*origins, *standby]
    if not origins or len(asked) > MOST_ORIGINS:
        raise UserDataError(f"the shield in {region} has {len(asked)} origins; it takes 1 to {MOST_ORIGINS}")
    for origin in asked:
        if not _HOST.fullmatch(origin.host):
            raise UserDataError(f"origin host {origin.host!r} of bucket {origin.name} is not a host name")
        if origin.store == "gcs" and cloud != "gcp":
            raise UserDataError(f"the shield in {region} has no Google token for the bucket {origin.name}")


def _origin_values(origins: Sequence[Bucket], standby: Sequence[Bucket], primary: Bucket) -> Mapping[str, str]:
    """Returns the values of the placeholders that say which buckets a shield machine reads from, and in which order.

    Immutable objects come from the nearest bucket. Documents that change come from the primary bucket first, because
    another bucket may hold an older version. The standby is always the last.
    """
    asked = [*origins, *standby]
    ports = _ORIGIN_PORTS[: len(asked)]
    parents = [f"127.0.0.1:{port}" for port in ports]
    first = parents[origins.index(primary)]
    return {
        "NEAREST_FIRST": ";".join(parents),
        "PRIMARY_FIRST": ";".join([first, *(parent for parent in parents if parent != first)]),
        "ORIGIN_REGIONS": "\n".join(f"{origin.host}: {origin.region}" for origin in asked if origin.store == "s3"),
        "ORIGIN_RULES": "\n".join(
            f"map_with_recv_port http://objects.internal:{port}/ https://{origin.host}/"
            f"{_AUTHORIZED[origin.store]}"
            " @plugin=tslua.so @pparam=/etc/artifact-edge/origin.lua"
            " @plugin=conf_remap.so @pparam=proxy.config.http.cache.http=0"
            for port, origin in zip(ports, asked, strict=True)
        ),
        # Traffic Server ignores a rule with zero retries. When a bucket lacks or refuses an object, a shield asks the
        # other buckets but not the standby, because the standby may still hold a withdrawn object.
        "RETRY": "both" if len(origins) > 1 or not standby else "unavailable_server_retry",
        "RETRIES": str(max(1, len(origins) - 1)),
        "FAILURES": str(max(1, len(asked) - 1)),
    }


def _write_files(values: Mapping[str, str], left_out: Collection[str]) -> Iterator[dict[str, str]]:
    for file in sorted(path for path in _FILES.rglob("*") if path.is_file() and path.name not in left_out):
        path = "/" + file.relative_to(_FILES).as_posix()
        permissions = "0755" if file.stat().st_mode & stat.S_IXUSR else "0644"
        content = file.read_text()
        if file.suffix == ".in":
            path = path.removesuffix(".in")
            content = _PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], content)
        yield {"path": path, "permissions": permissions, "content": content}


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that writes strings of several lines as literal blocks, so that user data stays readable."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
