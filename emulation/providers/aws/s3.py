"""The handlers of the emulated AWS provider for S3 buckets, and for the bucket settings that are separate Pulumi
resources.

The Pulumi id of a bucket setting is the bucket's name. The method `read` of a handler returns each property in the form
of Pulumi's inputs. In any other form, `pulumi refresh` would show a change although the cloud has not changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws

from emulation.providers.aws.clients import client, tag_list, tag_map
from emulation.providers.aws.described import unless_missing
from emulation.providers.handler import CloudError, Created, Properties


class Bucket:
    """The handler of S3 buckets, which have the Pulumi resource type `aws:s3/bucket:Bucket`."""

    resource: type[pulumi.CustomResource] = aws.s3.Bucket
    replace_on = frozenset({"bucket", "region", "objectLockEnabled"})

    def create(self, inputs: Properties) -> Created:
        name = inputs.get("bucket")
        if not name:
            raise CloudError("the emulation requires the name of a bucket: set `bucket`")
        s3 = client("s3", inputs)
        request: dict[str, Any] = {"Bucket": name, "ObjectLockEnabledForBucket": inputs.get("objectLockEnabled", False)}
        # S3 refuses a location constraint in the request for a new bucket in us-east-1.
        if s3.meta.region_name != "us-east-1":
            request["CreateBucketConfiguration"] = {"LocationConstraint": s3.meta.region_name}
        s3.create_bucket(**request)
        _put_tags(s3, name, inputs)
        return Created(name, {**inputs, **_bucket_outputs(name, s3.meta.region_name)})

    def read(self, id: str, state: Properties) -> Properties | None:
        s3 = client("s3", state)
        if unless_missing(lambda: s3.head_bucket(Bucket=id)) is None:
            return None
        tags = unless_missing(lambda: tag_map(s3.get_bucket_tagging(Bucket=id)["TagSet"]))
        return {**state, **_bucket_outputs(id, s3.meta.region_name), "tags": tags}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        s3 = client("s3", new)
        _put_tags(s3, id, new)
        return {**new, **_bucket_outputs(id, s3.meta.region_name)}

    def delete(self, id: str, state: Properties) -> None:
        s3 = client("s3", state)
        if state.get("forceDestroy"):
            _empty(s3, id)
        unless_missing(lambda: s3.delete_bucket(Bucket=id))


class Setting:
    """Creates, reads, changes and deletes one S3 bucket setting that is a separate Pulumi resource, such as versioning.
    Three functions put, get and remove the setting through the S3 API.
    """

    replace_on = frozenset({"bucket", "region"})

    def __init__(
        self,
        resource: type[pulumi.CustomResource],
        put: Callable[[Any, Properties], None],
        get: Callable[[Any, str], Properties | None],
        remove: Callable[[Any, str], None],
    ) -> None:
        self.resource = resource
        self._put = put
        self._get = get
        self._remove = remove

    def create(self, inputs: Properties) -> Created:
        self._put(client("s3", inputs), inputs)
        return Created(inputs["bucket"], dict(inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        found = unless_missing(lambda: self._get(client("s3", state), id))
        return None if found is None else {**state, "bucket": id, **found}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        self._put(client("s3", new), new)
        return dict(new)

    def delete(self, id: str, state: Properties) -> None:
        unless_missing(lambda: self._remove(client("s3", state), id))


def settings() -> list[Setting]:
    """Returns the handlers of the S3 bucket settings that are separate Pulumi resources."""
    return [
        Setting(aws.s3.BucketVersioning, _put_versioning, _get_versioning, _suspend_versioning),
        Setting(
            aws.s3.BucketPublicAccessBlock,
            lambda s3, inputs: s3.put_public_access_block(
                Bucket=inputs["bucket"],
                PublicAccessBlockConfiguration={wire: inputs.get(name, False) for name, wire in _PUBLIC_ACCESS.items()},
            ),
            lambda s3, name: {
                ours: s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"][wire]
                for ours, wire in _PUBLIC_ACCESS.items()
            },
            lambda s3, name: s3.delete_public_access_block(Bucket=name),
        ),
        Setting(
            aws.s3.BucketServerSideEncryptionConfiguration,
            _put_encryption,
            _get_encryption,
            lambda s3, name: s3.delete_bucket_encryption(Bucket=name),
        ),
        Setting(
            aws.s3.BucketOwnershipControls,
            lambda s3, inputs: s3.put_bucket_ownership_controls(
                Bucket=inputs["bucket"],
                OwnershipControls={"Rules": [{"ObjectOwnership": inputs["rule"]["objectOwnership"]}]},
            ),
            lambda s3, name: {
                "rule": {
                    "objectOwnership": s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"][0][
                        "ObjectOwnership"
                    ]
                }
            },
            lambda s3, name: s3.delete_bucket_ownership_controls(Bucket=name),
        ),
        Setting(
            aws.s3.BucketPolicy,
            lambda s3, inputs: s3.put_bucket_policy(Bucket=inputs["bucket"], Policy=_as_text(inputs["policy"])),
            lambda s3, name: {"policy": s3.get_bucket_policy(Bucket=name)["Policy"]},
            lambda s3, name: s3.delete_bucket_policy(Bucket=name),
        ),
    ]


_PUBLIC_ACCESS = {
    "blockPublicAcls": "BlockPublicAcls",
    "blockPublicPolicy": "BlockPublicPolicy",
    "ignorePublicAcls": "IgnorePublicAcls",
    "restrictPublicBuckets": "RestrictPublicBuckets",
}


def _put_versioning(s3: Any, inputs: Properties) -> None:
    status = inputs["versioningConfiguration"]["status"]
    s3.put_bucket_versioning(Bucket=inputs["bucket"], VersioningConfiguration={"Status": status})


def _get_versioning(s3: Any, name: str) -> Properties:
    status = s3.get_bucket_versioning(Bucket=name).get("Status", "Disabled")
    return {"versioningConfiguration": {"status": status}}


def _suspend_versioning(s3: Any, name: str) -> None:
    """Suspends the versioning of an S3 bucket. Versioning cannot be disabled once it is enabled (S3 user guide, "Using
    versioning in S3 buckets")."""
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})


def _put_encryption(s3: Any, inputs: Properties) -> None:
    rules: list[dict[str, Any]] = []
    for rule in inputs["rules"]:
        default = rule.get("applyServerSideEncryptionByDefault", {})
        by_default = {"SSEAlgorithm": default.get("sseAlgorithm", "AES256")}
        if default.get("kmsMasterKeyId"):
            by_default["KMSMasterKeyID"] = default["kmsMasterKeyId"]
        rules.append(
            {
                "ApplyServerSideEncryptionByDefault": by_default,
                "BucketKeyEnabled": rule.get("bucketKeyEnabled", False),
            }
        )
    s3.put_bucket_encryption(Bucket=inputs["bucket"], ServerSideEncryptionConfiguration={"Rules": rules})


def _get_encryption(s3: Any, name: str) -> Properties:
    found = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    rules: list[Properties] = []
    for rule in found:
        default = rule["ApplyServerSideEncryptionByDefault"]
        by_default: Properties = {"sseAlgorithm": default["SSEAlgorithm"]}
        if "KMSMasterKeyID" in default:
            by_default["kmsMasterKeyId"] = default["KMSMasterKeyID"]
        ours: Properties = {"applyServerSideEncryptionByDefault": by_default}
        if rule.get("BucketKeyEnabled"):
            ours["bucketKeyEnabled"] = True
        rules.append(ours)
    return {"rules": rules}


def _bucket_outputs(name: str, region: str) -> Properties:
    return {
        "bucket": name,
        "region": region,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
    }


def _put_tags(s3: Any, name: str, inputs: Properties) -> None:
    if inputs.get("tags"):
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(inputs["tags"])})
    else:
        s3.delete_bucket_tagging(Bucket=name)


def _empty(s3: Any, name: str) -> None:
    """Empties an S3 bucket: deletes all object versions and delete markers, as `forceDestroy` does in the cloud."""
    pages: list[Any] | None = unless_missing(
        lambda: list(s3.get_paginator("list_object_versions").paginate(Bucket=name))
    )
    for page in pages or []:
        doomed = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]
        if doomed:
            refused = s3.delete_objects(
                Bucket=name, Delete={"Objects": doomed, "Quiet": True}, BypassGovernanceRetention=True
            ).get("Errors", [])
            for each in refused[:1]:
                raise CloudError(f"bucket {name} keeps {each['Key']} and {len(refused) - 1} more: {each['Message']}")


def _as_text(policy: Any) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)
