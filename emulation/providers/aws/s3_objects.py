"""Uploads, reads and deletes the S3 objects that a Pulumi program declares, for the emulated AWS provider. The content
of the objects must be text.
"""

from __future__ import annotations

import hashlib

import pulumi_aws as aws

from emulation.providers.aws.described import Api, Described
from emulation.providers.handler import CloudError, Handler, Properties

_SETTABLE = {"bucket", "cacheControl", "content", "contentType", "key", "region", "tags"}


def handlers() -> list[Handler]:
    """Returns a list with one handler, which serves the Pulumi resources of single objects in S3 buckets."""
    return [
        Described(
            aws.s3.BucketObjectv2,
            "s3",
            make=_make,
            describe=_describe,
            remove=_remove,
            change=lambda s3, id, old, new: _put(s3, new),
            replace_on=frozenset({"bucket", "key", "region"}),
        )
    ]


def _make(s3: Api, inputs: Properties) -> str:
    _put(s3, inputs)
    return f"{inputs['bucket']}/{inputs['key']}"


def _put(s3: Api, inputs: Properties) -> None:
    if unknown := inputs.keys() - _SETTABLE:
        raise CloudError(f"objects with {', '.join(sorted(unknown))} are not emulated")
    headers = {"CacheControl": inputs.get("cacheControl"), "ContentType": inputs.get("contentType")}
    s3.put_object(
        Bucket=inputs["bucket"],
        Key=inputs["key"],
        Body=inputs["content"].encode(),
        **{name: value for name, value in headers.items() if value is not None},
    )


def _describe(s3: Api, id: str, state: Properties) -> Properties | None:
    bucket, _, key = id.partition("/")
    found = s3.get_object(Bucket=bucket, Key=key)
    body = found["Body"].read()
    return {
        "bucket": bucket,
        "key": key,
        "content": body.decode(),
        "contentType": found["ContentType"],
        "cacheControl": found.get("CacheControl"),
        "etag": hashlib.md5(body, usedforsecurity=False).hexdigest(),
    }


def _remove(s3: Api, id: str, state: Properties) -> None:
    bucket, _, key = id.partition("/")
    s3.delete_object(Bucket=bucket, Key=key)
