"""Enforces the permissions of IAM roles in the emulated AWS. moto 5.2 either allows all requests or ignores the
conditions in policies.

A request that is signed with a role's credentials must be allowed by the role's policies and its permissions boundary.
A request to S3 must also pass the policies of the bucket and of the VPC endpoint. Credentials of a role become invalid
when their session ends. All other credentials may do anything: they belong to the operator and to the sandbox. Key
policies and the policies of topics and queues are not evaluated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast
from urllib.parse import parse_qs

from moto.core.utils import utcnow
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sts.models import sts_backends

from emulation.aws.api_calls import UnknownCall, api_call, signed_service
from emulation.aws.machines import path_to_s3
from emulation.aws.outages import region_of
from emulation.aws.policies import COMMON_CONTEXT, AuthorizationRequest, Policy, is_allowed
from emulation.aws.refusals import refuse
from emulation.aws.requests import addressed_bucket, addressed_object
from emulation.aws.required_permissions import RequiredPermission, required_permissions
from emulation.aws.s3_permissions import required_for_bucket, required_for_object
from emulation.layout import AWS_ACCOUNT_ID
from emulation.origin_requests import Application

_ACCESS_KEY = re.compile(r"Credential=([^/,\s]+)/")


class Permissions:
    """WSGI middleware over the emulated AWS API: refuses requests that the IAM policies do not allow."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        session, token = _signed(environ)
        if session is None:
            return self._application(environ, start_response)
        service = "s3" if addressed_bucket(environ) else signed_service(environ)[0]
        if service == "sts":
            # This middleware checks no requests to STS. STS itself checks who may assume a role, and every caller may
            # read their own identity.
            return self._application(environ, start_response)
        protocol = "rest-xml"
        try:
            if service == "s3":
                needed = list(_of_s3(environ))
            else:
                call = api_call(environ)
                protocol, needed = call.protocol, list(required_permissions(call))
        except (KeyError, UnknownCall) as error:
            return refuse(start_response, service, protocol, "AccessDenied", f"permissions not emulated: {error}")
        if token != session.session_token:
            message = "The provided token is malformed or otherwise invalid."
            return refuse(start_response, service, protocol, "InvalidToken", message)
        if session.expiration <= utcnow():
            return refuse(start_response, service, protocol, "ExpiredToken", "The provided token has expired.")
        for each in needed:
            if not is_permitted(session, each, addressed_bucket(environ), environ["REMOTE_ADDR"]):
                message = (
                    f"User: {session.arn} is not authorized to perform: {each.action} on resource: {each.resource}"
                )
                return refuse(start_response, service, protocol, "AccessDenied", message)
        return self._application(environ, start_response)


def _signed(environ: dict[str, Any]) -> tuple[Any, str]:
    """Returns the role session whose access key signed an HTTP request, and the session token in the request. The
    signature is in a header or in the URL. The session is None if the access key belongs to no role.
    """
    query = parse_qs(environ.get("QUERY_STRING", ""))
    signed = _ACCESS_KEY.search(environ.get("HTTP_AUTHORIZATION", ""))
    in_url = query.get("X-Amz-Credential", [""])[0].partition("/")[0]
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or query.get("X-Amz-Security-Token", [""])[0]
    backend: Any = sts_backends[AWS_ACCOUNT_ID]["aws"]
    return backend.get_assumed_role_from_access_key(signed[1] if signed else in_url), token


def _of_s3(environ: dict[str, Any]) -> Iterator[RequiredPermission]:
    bucket, of_object = addressed_bucket(environ), addressed_object(environ)
    if of_object is not None:
        yield from required_for_object(environ, *of_object)
    elif bucket is not None:
        yield from required_for_bucket(environ, bucket)
    else:
        yield RequiredPermission("s3:ListAllMyBuckets", "*")


def is_permitted(session: Any, needed: RequiredPermission, bucket: str | None, address: str) -> bool:
    """Returns whether the IAM policies permit a role session to perform one action.

    `bucket` is the S3 bucket that the request names, or None. `address` is the IP address of the client.
    """
    bucket_policy: Policy | None = None
    endpoint_policy: Policy | None = None
    context = {**COMMON_CONTEXT, **needed.context}
    if bucket is not None and needed.action.startswith("s3:"):
        path = path_to_s3(address, region_of(bucket) or "")
        context |= path.context
        endpoint_policy = path.policy
        backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
        document = backend.buckets[bucket].policy if bucket in backend.buckets else None
        bucket_policy = json.loads(document) if document else None
    asked = AuthorizationRequest(session.role_arn, session.arn, needed.resource, needed.action, context)
    role = session.role_arn
    return is_allowed(asked, policies_of(role), bucket_policy, endpoint_policy, boundary_of(role))


def boundary_of(role_arn: str) -> Policy | None:
    """Returns the permissions boundary of an IAM role, or None if the role has no boundary or no longer exists."""
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
