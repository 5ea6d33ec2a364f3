"""Renders the user data of a shield machine (a regional cache) from the files in `machine/`
(infra/machines/user_data.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from contract.regions import Cloud, nearest_first
from infra.blobs import Bucket, Store
from infra.machines.user_data import MACHINE_FILES, TIME_SERVERS, UserDataError, check_size, cloud_config, files_of
from infra.shield import BootSettings

_MACHINE = Path(__file__).parent / "machine"
# For each origin bucket, Traffic Server listens on one of these local ports. records.config lists the same ports.
_ORIGIN_PORTS = (9001, 9002, 9003, 9004)
# The maximum number of buckets that a shield machine (a regional cache) can read from, including the standby bucket.
MOST_ORIGINS = len(_ORIGIN_PORTS)
# Maps each kind of object storage (S3 or Cloud Storage) to parameters of a Traffic Server rule. Each origin bucket has
# one such rule. The parameters for `s3` make Traffic Server sign its requests. The parameters for `gcs` make Traffic
# Server add an access token of the machine's service account.
_AUTHORIZED: Mapping[Store, str] = {
    "s3": " @plugin=s3_auth.so @pparam=--config @pparam=/run/artifact-edge/s3_auth.config"
    " @pparam=--v4-region-map @pparam=/etc/artifact-edge/regions",
    "gcs": " @plugin=tslua.so @pparam=/etc/artifact-edge/bearer.lua",
}
_OF_CLOUD_STORAGE = {"bearer.lua"}
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


def render_user_data(boot: BootSettings, node: str, region: str, cloud: Cloud, role_arn: str) -> str:
    """Returns the cloud-config of the shield machine `node` (a regional cache). The same arguments always give the same
    bytes.
    """
    origins = _nearest_first(boot.buckets, region)
    standby = [boot.standby] if boot.standby and cloud == "gcp" else []
    _check(origins, standby, region, cloud)
    values = {
        **_origin_values(origins, standby, boot.buckets[0]),
        "SECRET_ID": boot.secret_id,
        "SECRET_REGIONS": ",".join(nearest_first(region, _secret_regions(boot, region, cloud))),
        "CERTIFICATE_REGIONS": ",".join(boot.certificate_regions),
        "SERVING_PARAMETER": boot.serving.parameter(node),
        "SERVING_REGION": boot.serving.region,
        "LOG_BUCKET": boot.log.bucket if boot.log else "",
        "LOG_REGION": boot.log.region if boot.log else "",
        "LOG_FIELDS": ",".join(boot.log.fields) if boot.log else "",
        "CERTIFICATE_PARAMETER": boot.certificate_parameter,
        "TIME_SERVER": TIME_SERVERS[cloud],
        "CLOUD": cloud,
        "ROLE_ARN": role_arn,
    }
    left_out = set[str]() if any(origin.store == "gcs" for origin in [*origins, *standby]) else _OF_CLOUD_STORAGE
    files = files_of(MACHINE_FILES, _MACHINE / "files", values=values, left_out=left_out)
    rendered = cloud_config(_MACHINE / "cloud-config.yaml", files)
    check_size(
        rendered,
        cloud,
        f"the shield in {region}",
        "Shorten the files in infra/shield/machine or the names of the buckets",
    )
    return rendered


def _secret_regions(boot: BootSettings, region: str, cloud: Cloud) -> set[str]:
    """Returns the AWS regions from which a shield machine (a regional cache) in `region` can read its secret."""
    return {*boot.secret_regions, region} if cloud == "aws" else set(boot.secret_regions)


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
    """Returns values for the template of the user data of a shield machine (a regional cache). The values say which
    buckets the machine reads, and in which order.

    Immutable objects come from the nearest bucket. Mutable documents come from the primary bucket first, because the
    other buckets can contain older documents. The `standby` buckets always come last.
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
        # When a bucket lacks or refuses an object, a shield (a regional cache) asks the next bucket. It must not go on
        # to the standby bucket, because the standby can still hold an object that was withdrawn. `RETRIES`, the maximum
        # number of these retries, therefore counts only the other buckets. Its minimum is 1, because Traffic Server
        # ignores a retry rule with the value 0. If the standby is the only other bucket, this one retry would reach it,
        # so `RETRY` then permits retries only after server errors.
        "RETRY": "both" if len(origins) > 1 or not standby else "unavailable_server_retry",
        "RETRIES": str(max(1, len(origins) - 1)),
        "FAILURES": str(max(1, len(asked) - 1)),
    }
