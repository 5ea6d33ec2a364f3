"""S3: objects that the program itself puts into a bucket."""

from __future__ import annotations

from urllib.parse import urlencode

import pulumi
import pulumi_aws as aws

from local.providers.aws.clients import client
from local.providers.aws.described import unless_missing
from local.providers.handler import CloudError, Created, Properties


class BucketObject:
    """`aws:s3/bucketObjectv2:BucketObjectv2`, with its content given as text. Its identity is bucket and key."""

    resource: type[pulumi.CustomResource] = aws.s3.BucketObjectv2
    replace_on = frozenset({"bucket", "key", "region"})

    def create(self, inputs: Properties) -> Created:
        outputs = self.update("", {}, inputs)
        return Created(f"{inputs['bucket']}/{inputs['key']}", outputs)

    def read(self, id: str, state: Properties) -> Properties | None:
        bucket, key = id.split("/", 1)
        s3 = client("s3", state)
        found = unless_missing(lambda: s3.get_object(Bucket=bucket, Key=key))
        if found is None:
            return None
        described = {
            "bucket": bucket,
            "key": key,
            "contentType": found["ContentType"],
            "etag": found["ETag"].strip('"'),
        }
        return {**state, **described, "content": found["Body"].read().decode(), "versionId": found.get("VersionId", "")}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        unknown = new.keys() - {"bucket", "key", "region", "content", "contentType", "tags"}
        if unknown or "content" not in new:
            raise CloudError(f"objects of a bucket are emulated with text content only, not with {sorted(unknown)}")
        s3 = client("s3", new)
        put = s3.put_object(
            Bucket=new["bucket"],
            Key=new["key"],
            Body=new["content"].encode(),
            ContentType=new.get("contentType", "binary/octet-stream"),
            Tagging=urlencode(new.get("tags") or {}),
        )
        return {**new, "etag": put["ETag"].strip('"'), "versionId": put.get("VersionId", "")}

    def delete(self, id: str, state: Properties) -> None:
        bucket, key = id.split("/", 1)
        unless_missing(lambda: client("s3", state).delete_object(Bucket=bucket, Key=key))
