"""Maps the operations of the Global Accelerator API to the functions that carry them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from emulation.aws.global_accelerator import accelerators, endpoint_groups, listeners
from emulation.aws.global_accelerator.models import Fields, GlobalAcceleratorBackend

_Operation = Callable[[GlobalAcceleratorBackend, Fields], Fields | None]

_OPERATIONS: Mapping[str, _Operation] = {
    "CreateAccelerator": accelerators.create,
    "DescribeAccelerator": accelerators.describe,
    "ListAccelerators": accelerators.list_all,
    "UpdateAccelerator": accelerators.update,
    "DeleteAccelerator": accelerators.delete,
    "DescribeAcceleratorAttributes": accelerators.describe_attributes,
    "UpdateAcceleratorAttributes": accelerators.update_attributes,
    "ListTagsForResource": accelerators.list_tags,
    "TagResource": accelerators.tag,
    "UntagResource": accelerators.untag,
    "CreateListener": listeners.create,
    "DescribeListener": listeners.describe,
    "ListListeners": listeners.list_all,
    "UpdateListener": listeners.update,
    "DeleteListener": listeners.delete,
    "CreateEndpointGroup": endpoint_groups.create,
    "DescribeEndpointGroup": endpoint_groups.describe,
    "ListEndpointGroups": endpoint_groups.list_all,
    "UpdateEndpointGroup": endpoint_groups.update,
    "DeleteEndpointGroup": endpoint_groups.delete,
}


def is_emulated(operation: str) -> bool:
    return operation in _OPERATIONS


def carry_out(operation: str, backend: GlobalAcceleratorBackend, given: Fields) -> Fields:
    """Carries out an operation of the Global Accelerator API, and returns the answer. If a client repeats a request
    with the same idempotency token, the function creates nothing and returns the first answer again.
    """
    repeated = (operation, given.get("IdempotencyToken", ""))
    if repeated in backend.answers:
        return backend.answers[repeated]
    answer = _OPERATIONS[operation](backend, given) or {}
    if "IdempotencyToken" in given:
        backend.answers[repeated] = answer
    return answer
