"""What brings publications to their readers, as a stack's config asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pulumi

from contract.shields import EDGE_PORT, host_suffix
from infra.blobs import Bucket
from infra.edge.cloudflare import Edge
from infra.metadata import ChangeSource, SpannerChanges
from infra.publishing.drain import Drain, DrainArgs, pack_drain
from infra.shield import Node
from stacks.config import Stack

_ROOT = Path(__file__).resolve().parents[1]


def drain(
    stack: Stack,
    prefix: str,
    secret: str,
    hostname: str,
    source: ChangeSource | SpannerChanges,
    bucket: Bucket,
    key: pulumi.Input[str] | None,
    edge: Edge,
    nodes: Sequence[Node],
) -> Drain | None:
    """Where metadata and objects are on AWS; elsewhere `registry purges drain` has to be run. The names of the stack's
    secrets begin with `secret`."""
    if isinstance(source, SpannerChanges) or key is None or stack.config.blobs.store != "s3":
        return None
    args = DrainArgs(
        prefix=prefix,
        environment=stack.environment,
        url=f"https://{hostname}",
        source=source,
        bucket=bucket,
        key_arn=key,
        shields=[node.name for node in nodes],
        shield_suffix=f"{host_suffix(stack.config.domain)}:{EDGE_PORT}",
        zone_id=edge.zone_id,
        account_id=stack.config.edge.account_id,
        namespace_id=edge.namespace_id,
        purge_secret_id=f"{secret}/edge-purge",
        kv_secret_id=f"{secret}/edge-kv",
        secret_region=stack.home_region,
        code=pack_drain(_ROOT),
    )
    return Drain("drain", args)
