"""Lets the sandbox run Lambda functions as local processes. moto 5.2 would run the functions in Docker. It also does
not serve their uploaded code for download.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, cast

from moto.awslambda.models import LambdaBackend, LambdaFunction, lambda_backends

from emulation.layout import AWS_ACCOUNT_ID

# The URL path below which the emulated AWS serves the code of Lambda functions, at `<path>/<region>/<name>.zip`. The
# API operation GetFunction returns a URL of this form.
PATH = "/_artifact-edge/functions"

_CODE = re.compile(rf"{PATH}/([a-z0-9-]+)/([A-Za-z0-9_-]+)\.zip")
_GET_CODE: Any = LambdaFunction.get_code

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def patch_lambda(url: str) -> None:
    """Makes moto deliver no records of DynamoDB streams to Lambda functions, because the emulated Lambda runtime
    delivers them. Also makes the API operation GetFunction return a URL below `url` for the download of the function's
    code.
    """

    def send_nothing(backend: LambdaBackend, function_arn: str, items: list[Any], source: str) -> bytes:
        # If this method returns an empty result, moto keeps the records in the DynamoDB stream. The emulated Lambda
        # runtime then reads the records from the stream.
        return b""

    def get_code(function: LambdaFunction) -> dict[str, Any]:
        location = f"{url}{PATH}/{function.region}/{function.function_name}.zip"
        return {**_GET_CODE(function), "Code": {"RepositoryType": "S3", "Location": location}}

    cast(Any, LambdaBackend).send_dynamodb_items = send_nothing
    cast(Any, LambdaFunction).get_code = get_code


class FunctionCode:
    """WSGI middleware over the emulated AWS API that serves the code of Lambda functions for download."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match = _CODE.fullmatch(environ["PATH_INFO"])
        if match is None:
            return self._application(environ, start_response)
        backend: Any = cast(Any, lambda_backends)[AWS_ACCOUNT_ID][match[1]]
        known = {function.function_name: function.code_bytes for function in backend.list_functions()}
        if match[2] not in known:
            start_response("404 Not Found", [])
            return [b""]
        start_response("200 OK", [("Content-Type", "application/zip")])
        return [known[match[2]]]
