"""Makes the emulated IAM refuse a role whose permissions boundary does not exist. moto 5.2 checks only the form of the
boundary's ARN.

Source: IAM API Reference, "CreateRole" and "PutRolePermissionsBoundary", error NoSuchEntity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend

_create: Any = cast(Any, IAMBackend).create_role
_put: Any = cast(Any, IAMBackend).put_role_permissions_boundary


def patches() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the name of each method of moto's `IAMBackend` that the emulation replaces, and the new method."""
    yield "create_role", create_role
    yield "put_role_permissions_boundary", put_role_permissions_boundary


def patch_permissions_boundaries() -> None:
    """Makes moto refuse roles whose permissions boundary does not exist."""
    for name, method in patches():
        setattr(IAMBackend, name, method)


def create_role(
    backend: IAMBackend,
    role_name: str,
    assume_role_policy_document: str,
    path: str,
    permissions_boundary: str | None,
    *arguments: Any,
    **more: Any,
) -> Any:
    """Replaces `IAMBackend.create_role`: refuses a permissions boundary that does not exist."""
    _expect(backend, permissions_boundary)
    return _create(backend, role_name, assume_role_policy_document, path, permissions_boundary, *arguments, **more)


def put_role_permissions_boundary(backend: IAMBackend, role_name: str, permissions_boundary: str) -> None:
    """Replaces `IAMBackend.put_role_permissions_boundary`: refuses a permissions boundary that does not exist."""
    _expect(backend, permissions_boundary)
    _put(backend, role_name, permissions_boundary)


def _expect(backend: Any, boundary: str | None) -> None:
    if boundary and boundary not in backend.managed_policies:
        raise NotFoundException(f"Scope ARN: {boundary} does not exist or is not attachable.")
