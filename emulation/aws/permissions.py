"""Enforces the permissions of IAM roles on S3 objects. moto 5.2 either allows all requests or ignores the conditions in
policies.

An S3 request that is signed with a role's credentials must be allowed by the policies of the role, the bucket and the
VPC endpoint. All other credentials may do anything: they belong to the operator and to the sandbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast
from urllib.parse import parse_qs

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sts.models import sts_backends

from emulation.aws.machines import path_to_s3
from emulation.aws.outages import region_of
from emulation.aws.policies import COMMON_CONTEXT, AuthorizationRequest, Policy, is_allowed
from emulation.aws.requests import addressed_bucket, addressed_object
from emulation.layout import AWS_ACCOUNT_ID
from emulation.origin_requests import Application

_ACCESS_KEY = re.compile(r"Credential=([^/,\s]+)/")
_LIST_PARAMETERS = {
    "list-type",
    "prefix",
    "delimiter",
    "max-keys",
    "start-after",
    "continuation-token",
    "encoding-type",
}
_ACTIONS = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}


class Permissions:
    """WSGI middleware over the emulated AWS API: refuses S3 requests that the IAM policies do not allow."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        bucket = addressed_bucket(environ)
        region = region_of(bucket) if bucket is not None else None
        session, token = _signed(environ)
        if bucket is None or region is None or session is None:
            return self._application(environ, start_response)
        if token != session.session_token:
            return _refuse(start_response, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        for action, resource in _required_actions(environ, bucket):
            if not _is_allowed(session, action, resource, bucket, region, environ["REMOTE_ADDR"]):
                message = f"User: {session.arn} is not authorized to perform: {action} on resource: {resource}"
                return _refuse(start_response, "AccessDenied", message)
        return self._application(environ, start_response)


def _signed(environ: dict[str, Any]) -> tuple[Any, str]:
    """Returns the role session whose access key signed a request to S3, and the session token in the request. The
    signature is in a header or in the URL. The session is None if the access key belongs to no role."""
    query = parse_qs(environ.get("QUERY_STRING", ""))
    signed = _ACCESS_KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
    in_url = query.get("X-Amz-Credential", [""])[0].partition("/")[0]
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or query.get("X-Amz-Security-Token", [""])[0]
    backend: Any = sts_backends[AWS_ACCOUNT_ID]["aws"]
    return backend.get_assumed_role_from_access_key(signed[1] if signed else in_url), token


def _required_actions(environ: dict[str, Any], bucket: str) -> Iterator[tuple[str, str]]:
    """Yields each IAM action that an S3 request needs, with the resource of the action (S3 User Guide, "Required
    permissions for Amazon S3 API operations"). A request that this project's roles never make yields an action that no
    policy allows."""
    bucket_arn, method = f"arn:aws:s3:::{bucket}", environ["REQUEST_METHOD"]
    asked = addressed_object(environ)
    query = {name for name in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True) if name[:6] != "X-Amz-"}
    if asked is None:
        is_list = method == "GET" and query <= _LIST_PARAMETERS
        yield "s3:ListBucket" if is_list or method == "HEAD" else "s3:NotEmulated", bucket_arn
        return
    yield _ACTIONS.get(method, "s3:NotEmulated") if not query else "s3:NotEmulated", f"{bucket_arn}/{asked[1]}"
    if method in ("GET", "HEAD") and not _exists(bucket, asked[1]):
        yield "s3:ListBucket", bucket_arn  # without this permission S3 does not reveal that a key is missing


def _exists(bucket: str, key: str) -> bool:
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    return key in backend.buckets[bucket].keys


def _is_allowed(session: Any, action: str, resource: str, bucket: str, region: str, address: str) -> bool:
    path = path_to_s3(address, region)
    context = {**COMMON_CONTEXT, **path.context}
    asked = AuthorizationRequest(session.role_arn, session.arn, resource, action, context)
    buckets: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    policy = buckets.buckets[bucket].policy
    bucket_arn = json.loads(policy) if policy else None
    return is_allowed(asked, policies_of(session.role_arn), bucket_arn, path.policy, boundary_of(session.role_arn))


def boundary_of(role_arn: str) -> Policy | None:
    """Returns the permissions boundary of an IAM role, or None if the role has none or no longer exists."""
    backend: Any = iam_backends[AWS_ACCOUNT_ID]["aws"]
    try:
        arn = backend.get_role_by_arn(role_arn).permissions_boundary_arn
    except NotFoundException:
        return None
    return cast(Policy, json.loads(backend.managed_policies[arn].document)) if arn else None


def policies_of(role_arn: str) -> list[Policy]:
    """Returns the inline and attached policies of an IAM role, or an empty list if the role no longer exists."""
    backend: Any = iam_backends[AWS_ACCOUNT_ID]["aws"]
    try:
        role = backend.get_role_by_arn(role_arn)
    except NotFoundException:
        return []
    documents = [*role.policies.values(), *(policy.document for policy in role.managed_policies.values())]
    return [cast(Policy, json.loads(each) if isinstance(each, str) else each) for each in documents]


def _refuse(start_response: Callable[..., Any], code: str, message: str) -> list[bytes]:
    start_response("403 Forbidden", [("Content-Type", "application/xml")])
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return [text.encode()]
