"""Helpers for tests that create, read and delete one AWS resource through its handler in emulation/providers/aws."""

from __future__ import annotations

from typing import Any

from emulation.providers.aws import handlers
from emulation.providers.handler import Created, Handler, Properties

REGION = "eu-west-1"


def handler(resource: Any) -> Handler:
    return next(candidate for candidate in handlers() if candidate.resource is resource)


def create(resource: Any, **inputs: Any) -> Created:
    """Creates a resource, and reads the resource at once. Asserts that each input has the same value in the result."""
    given: Properties = {"region": REGION, **inputs}
    created = handler(resource).create(given)
    seen = handler(resource).read(created.id, created.outputs)
    assert seen is not None
    assert {name: seen.get(name) for name in given} == given
    return created


def gone(resource: Any, created: Created) -> bool:
    handler(resource).delete(created.id, created.outputs)
    return handler(resource).read(created.id, created.outputs) is None
