"""Builds the names of a stack's buckets from the stack's config, and reports names that S3 or Cloud Storage would
refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contract.secrets import PROJECT
from infra.blobs import Bucket, log_bucket_name
from infra.blobs.gcs import gcs_buckets
from infra.blobs.s3 import s3_buckets
from infra.serverless.source_bucket import code_prefix
from stacks.config.messages import NAMESPACE
from stacks.config.sections import StackConfig

# The maximum number of characters in a bucket name without dots. Sources: S3 User Guide, "General purpose bucket naming
# rules"; Cloud Storage, "About Cloud Storage buckets", "Bucket names".
_MOST_CHARACTERS = 63
# Cloud Storage refuses names that contain `google` or close misspellings of it (Cloud Storage, "About Cloud Storage
# buckets").
_GOOGLE = re.compile(r"g[o0][o0]g[l1]e")


def bucket_prefix(environment: str, config: StackConfig) -> str:
    """Returns the prefix of the names of a stack's buckets.

    The prefix begins with `artifact-edge-<environment>`, so that the permissions of the environment's deploy role cover
    the buckets.
    """
    return f"{PROJECT}-{environment}-{config.name}" if config.name_in_buckets else f"{PROJECT}-{environment}"


def standby_prefix(prefix: str) -> str:
    """Returns the prefix of the names of the standby buckets on Cloud Storage."""
    return f"{prefix}-standby"


def problems_of_buckets(environment: str, config: StackConfig) -> Iterator[str]:
    """Yields an error message for each name in the config that would make bucket names too long or invalid."""
    buckets = list(_buckets(bucket_prefix(environment, config), config))
    longest = max((bucket.name for bucket in buckets), key=len)
    excess = len(longest) - _MOST_CHARACTERS
    if excess > 0:
        yield (
            f"{NAMESPACE}:name: {config.name!r} makes the bucket name {longest!r}, which has {len(longest)} characters;"
            f" {_MOST_CHARACTERS} are allowed, so shorten the name or the stack's name {environment!r} by {excess}"
        )
    for key, value in ((f"{NAMESPACE}:name", config.name), ("stack name", environment)):
        if any(bucket.store == "gcs" for bucket in buckets) and _GOOGLE.search(value):
            yield f"{key}: {value!r} is not accepted by Cloud Storage, because it resembles 'google'; use another name"


def _buckets(prefix: str, config: StackConfig) -> Iterator[Bucket]:
    """Yields every bucket of a stack, including the buckets for access logs."""
    blobs = config.blobs
    found = [(prefix, bucket) for bucket in (s3_buckets if blobs.store == "s3" else gcs_buckets)(prefix, blobs.regions)]
    on_google = [(standby_prefix(prefix), blobs.standby)] if blobs.standby else []
    if config.metadata.store == "spanner":
        on_google.append((code_prefix(prefix), config.metadata.regions))
    found += [(own, bucket) for own, regions in on_google for bucket in gcs_buckets(own, regions)]
    for own, bucket in found:
        yield bucket
        yield Bucket(log_bucket_name(own, bucket.region), bucket.region, "", bucket.store)
