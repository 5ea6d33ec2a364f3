"""Answers an AWS API request with an error. The error has the format of the AWS protocol that the request uses (Smithy,
"AWS protocols").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

# The error code with which EC2 refuses a caller without permission (EC2 API Reference, "Error codes").
_EC2_CODE = "UnauthorizedOperation"
# The error codes that S3 sends with the status 400. The emulation sends all other refusals with 403 (S3 API
# Reference, "Error responses").
_BAD_REQUESTS = ("ExpiredToken", "InvalidToken", "KeyTooLongError", "RequestHeaderSectionTooLarge")


def refuse(start_response: Callable[..., Any], service: str, protocol: str, code: str, message: str) -> list[bytes]:
    """Answers an AWS API request with an error in the format of the AWS protocol that the request uses.

    `code` is an error code of S3, such as `AccessDenied`. The response to a request of another protocol has the
    corresponding code of that protocol.
    """
    if protocol in ("json", "rest-json"):
        kind = f"{code}Exception"
        status = "400 Bad Request" if protocol == "json" else "403 Forbidden"
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", kind)]
        start_response(status, headers)
        return [json.dumps({"__type": kind, "message": message, "Message": message}).encode()]
    is_bad = service == "s3" and code in _BAD_REQUESTS
    start_response("400 Bad Request" if is_bad else "403 Forbidden", [("Content-Type", "application/xml")])
    return [f'<?xml version="1.0" encoding="UTF-8"?>\n{_in_xml(service, protocol, code, message)}'.encode()]


def _in_xml(service: str, protocol: str, code: str, message: str) -> str:
    if protocol == "ec2":
        code = _EC2_CODE if code == "AccessDenied" else code
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    if protocol == "ec2":
        return f"<Response><Errors>{error}</Errors><RequestID>emulated</RequestID></Response>"
    return error if service == "s3" else f"<ErrorResponse>{error}<RequestId>emulated</RequestId></ErrorResponse>"
