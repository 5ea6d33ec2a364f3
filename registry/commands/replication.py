"""The commands for objects that S3 could not replicate from the primary bucket to the other buckets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.commands import Outputs

if TYPE_CHECKING:
    from registry.origin.failed_replication import FailedReplication

app = typer.Typer(no_args_is_help=True, help="Objects that S3 could not replicate to the other buckets.")
Prefix = Annotated[str, typer.Option(help="only objects whose key starts with this text, such as oci/blobs/")]


@app.command()
def failed(stack_outputs: Outputs, prefix: Prefix = "") -> None:
    """List the objects whose replication failed. Exits with status 1 if there are any.

    The command sends S3 one request for each object in the bucket.
    """
    found = 0
    for each in _replication(stack_outputs).find(prefix):
        found += 1
        print(each.key, flush=True)
    print(f"{found} objects failed to replicate", file=sys.stderr)
    if found:
        sys.exit(1)


@app.command()
def retry(stack_outputs: Outputs, prefix: Prefix = "") -> None:
    """Repeat failed replications of objects. Fix the cause first.

    The command copies each object to its own key. S3 then replicates the copy as a new version. The copy has the same
    bytes and the same metadata.
    """
    from registry.origin.failed_replication import MOST_BYTES

    replication = _replication(stack_outputs)
    copied, too_large = 0, list[str]()
    for each in replication.find(prefix):
        if each.bytes > MOST_BYTES:
            too_large.append(each.key)
        elif replication.copy_again(each):
            copied += 1
            print(each.key, flush=True)
    print(f"copied {copied} objects; `replication failed` shows later whether S3 replicated them", file=sys.stderr)
    for key in too_large:
        print(f"error: {key}: has more than 5 GB; replicate it with S3 Batch Replication", file=sys.stderr)
    if too_large:
        sys.exit(1)


def _replication(stack_outputs: Path) -> FailedReplication:
    from typing import Any, cast

    import boto3

    from registry import RegistryError
    from registry.origin.failed_replication import FailedReplication
    from registry.target import read_target

    bucket = read_target(stack_outputs).bucket
    if bucket.store != "s3":
        raise RegistryError(f"bucket {bucket.name}: is on Cloud Storage; this command is for buckets on S3 only")
    return FailedReplication(cast(Any, boto3).client("s3", region_name=bucket.region), bucket.name)
