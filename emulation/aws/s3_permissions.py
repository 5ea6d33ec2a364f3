"""Lists the IAM permissions that an S3 request needs.

Source: S3 User Guide, "Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from moto.s3.models import s3_backends

from emulation.aws.required_permissions import RequiredPermission, passed_role
from emulation.layout import AWS_ACCOUNT_ID

# The name of an IAM action that no policy allows. The emulation demands this action for S3 requests that it does not
# support, and therefore refuses these requests.
_NOT_EMULATED = "s3:NotEmulated"

_OBJECT_ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
_BUCKET_ACTIONS = {
    "GET": "s3:ListBucket",
    "HEAD": "s3:ListBucket",
    "PUT": "s3:CreateBucket",
    "DELETE": "s3:DeleteBucket",
}
_LIST_PARAMETERS = {
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "start-after",
    "continuation-token",
    "encoding-type",
}
# Maps query parameters of the S3 API to the names of bucket configurations in IAM actions. For example, the query
# parameter `versioning` stands for the actions s3:GetBucketVersioning and s3:PutBucketVersioning.
_CONFIGURATIONS = {
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
}
# Maps an HTTP method to the verb in the names of the IAM actions for a bucket's configuration. An action with the verb
# `Put` allows a caller both to change and to delete a configuration. Only the deletion of a bucket policy needs a
# separate action, s3:DeleteBucketPolicy.
_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Put"}
_DELETE_POLICY = "s3:DeleteBucketPolicy"
# The condition key that limits which objects a caller may list.
_PREFIX = "s3:prefix"
_ROLE = re.compile(rb"<Role>([^<]+)</Role>")


def required_for_object(environ: dict[str, Any], bucket: str, key: str) -> Iterator[RequiredPermission]:
    """Yields each IAM permission that the caller of a request for an S3 object needs."""
    method = environ["REQUEST_METHOD"]
    action = _NOT_EMULATED if _query(environ) else _OBJECT_ACTIONS.get(method, _NOT_EMULATED)
    yield RequiredPermission(action, f"arn:aws:s3:::{bucket}/{key}")
    if method in ("GET", "HEAD") and not _exists(bucket, key):
        # For a missing object, S3 answers 404 to callers with the permission s3:ListBucket, and 403 to all other
        # callers. In the check of this permission, the object's key is the value of the condition key `s3:prefix`
        # (ceph/ceph, pull request 68577, which copies the behaviour of AWS).
        yield RequiredPermission("s3:ListBucket", f"arn:aws:s3:::{bucket}", {_PREFIX: key})


def required_for_bucket(environ: dict[str, Any], bucket: str) -> Iterator[RequiredPermission]:
    """Yields each IAM permission that a request for an S3 bucket or its configuration needs."""
    method, query, arn = environ["REQUEST_METHOD"], _query(environ), f"arn:aws:s3:::{bucket}"
    if query & {"delete"}:
        for name in ("DeleteObject", "DeleteObjectVersion", "BypassGovernanceRetention"):
            yield RequiredPermission(f"s3:{name}", f"{arn}/*")
        return
    yield RequiredPermission(_bucket_action(method, query), arn, _listed(environ))
    if method == "PUT" and "replication" in query:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        for role in _ROLE.findall(body):
            yield passed_role(role.decode(), "s3.amazonaws.com")
    if method == "PUT" and environ.get("HTTP_X_AMZ_BUCKET_OBJECT_LOCK_ENABLED", "").lower() == "true":
        for name in ("PutBucketObjectLockConfiguration", "PutBucketVersioning"):
            yield RequiredPermission(f"s3:{name}", arn)


def _bucket_action(method: str, query: set[str]) -> str:
    configured = [_CONFIGURATIONS[name] for name in query if name in _CONFIGURATIONS]
    if configured:
        is_policy = (method, configured) == ("DELETE", ["BucketPolicy"])
        return _DELETE_POLICY if is_policy else f"s3:{_VERBS.get(method, 'NotEmulated')}{configured[0]}"
    if method == "GET" and "versions" in query:
        return "s3:ListBucketVersions"
    return _BUCKET_ACTIONS.get(method, _NOT_EMULATED) if query <= _LIST_PARAMETERS else _NOT_EMULATED


def _listed(environ: dict[str, Any]) -> dict[str, str]:
    """Returns the value of the condition key `s3:prefix`. The key has no value if the request contains no prefix."""
    given = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True).get("prefix")
    return {_PREFIX: given[0]} if given else {}


def _query(environ: dict[str, Any]) -> set[str]:
    """Returns the names of the query parameters of an S3 request. Leaves out the parameters that contain the signature
    of a presigned URL.
    """
    return {name for name in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True) if name[:6] != "X-Amz-"}


def _exists(bucket: str, key: str) -> bool:
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    return bucket in backend.buckets and key in backend.buckets[bucket].keys
