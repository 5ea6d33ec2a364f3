"""Answers HTTP requests to the emulated Global Accelerator, in AWS's JSON protocol."""

from __future__ import annotations

import json
from typing import Any, cast

from moto.core.exceptions import JsonRESTError
from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model

from emulation.aws.global_accelerator.constraints import violations
from emulation.aws.global_accelerator.models import backend_of, only_one_region
from emulation.aws.global_accelerator.operations import carry_out, is_emulated
from emulation.aws.global_accelerator.refusals import Refused


class GlobalAcceleratorResponse(BaseResponse):
    """Answers one HTTP request to the emulated Global Accelerator."""

    def __init__(self) -> None:
        super().__init__(service_name="globalaccelerator")

    def call_action(self) -> Any:
        given: Any = self
        operation: str = given._get_action()
        if not is_emulated(operation):
            raise _error("NotImplementedException", f"not emulated: Global Accelerator {operation}", 501)
        parameters = cast("dict[str, Any]", json.loads(given.body or "{}"))
        shape: Any = cast(Any, get_service_model)("globalaccelerator").operation_model(operation).input_shape
        if wrong := sorted(violations(parameters, shape, "the request")):
            raise _error("InvalidArgumentException", "; ".join(wrong))
        try:
            only_one_region(given.region)
            answer = carry_out(operation, backend_of(given.current_account), parameters)
        except Refused as refused:
            raise _error(refused.code, str(refused)) from refused
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer)


def _error(code: str, message: str, status: int = 400) -> JsonRESTError:
    error: Any = JsonRESTError(code, message)
    error.code = status
    return error
