"""Finds the operation of the AWS API that an HTTP request calls, and the parameters of the call.

The module uses the routers and parsers of moto, which find the operation by the URL paths in botocore's service models.
Requests to S3 are excluded, because botocore changes the URL paths in S3's model.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

_SCOPE = re.compile(r"Credential=[^/,\s]+/[0-9]+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# Maps the name of an AWS service in request signatures to the name in botocore, if the two names differ.
_SERVICES = {"monitoring": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
_STREAMS = "DynamoDBStreams_"


class UnknownCall(Exception):
    """Raised for a request to the AWS API that matches no operation of its service. The error's message contains the
    URL path.
    """


@dataclass(frozen=True)
class ApiCall:
    """A call of the AWS API. `service` and `operation` are botocore's names, such as `kms` and `CreateKey`."""

    service: str
    operation: str
    region: str
    parameters: Mapping[str, Any]
    protocol: str = "json"


def signed_service(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the AWS service and the region in the signature of an HTTP request. Returns two empty strings if the
    request has no signature in a header.
    """
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None:
        return "", ""
    if environ.get("HTTP_X_AMZ_TARGET", "").startswith(_STREAMS):
        return "dynamodbstreams", scope["region"]
    return _SERVICES.get(scope["service"], scope["service"]), scope["region"]


def api_call(environ: dict[str, Any]) -> ApiCall:
    """Returns the API call that a signed HTTP request makes to a service other than S3. The request's body can be read
    again afterwards. Raises UnknownCall if the request matches no operation of the service.
    """
    service, region = signed_service(environ)
    request = _copy(environ)
    try:
        operation, in_path = get_service_router(service).match(request)
    except (NotFound, NotImplementedError):
        raise UnknownCall(f"{service} has no operation at {environ['REQUEST_METHOD']} {request.path}") from None
    protocol = determine_request_protocol(get_service_model(service), request.content_type)
    name = operation.name
    parameters = _parsed(request, operation, in_path)
    return ApiCall(service, name, region, parameters, protocol)


def _copy(environ: dict[str, Any]) -> Request:
    """Returns a copy of an HTTP request, with the body decompressed. Afterwards, the body can be read again from
    `environ`.
    """
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    plain = gzip.decompress(body) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else body
    return Request({**environ, "wsgi.input": io.BytesIO(plain), "CONTENT_LENGTH": str(len(plain))})


def _parsed(request: Request, operation: Any, in_path: Mapping[str, Any]) -> Mapping[str, Any]:
    protocol = determine_request_protocol(operation.service_model, request.content_type)
    found = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": dict(in_path),
        }
    )
    return {**in_path, **found}
