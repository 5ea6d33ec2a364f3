"""Builds the changes that a mutation makes to a resource in a policy test. Each change breaks the resource in one way.
For example, it removes a property.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from tests.policies.mutations import Change
from tests.support.harness import Registered


def put(path: str, value: Any) -> Change:
    """Returns a change that sets a property of a resource. The path `a.0.b` names the property `b` in the first element
    of the list `a`.
    """
    *way, last = path.split(".")

    def change(broken: Registered) -> Sequence[Registered]:
        holder = _within(broken.inputs, way)
        holder[int(last) if isinstance(holder, list) else last] = value
        return [broken]

    return change


def put_only(name: str, value: Any) -> Change:
    """Returns a change that sets a property of a resource to a fixed value. The change also removes the dependencies on
    other resources from which the property had its value.
    """

    def change(broken: Registered) -> Sequence[Registered]:
        (changed,) = put(name, value)(broken)
        return [
            replace(changed, dependencies={other: on for other, on in broken.dependencies.items() if other != name})
        ]

    return change


def without(path: str) -> Change:
    """Returns a change that removes a property from a resource. The change also removes the resource's dependencies
    that belong to this property.
    """
    *way, last = path.split(".")

    def change(broken: Registered) -> Sequence[Registered]:
        holder = _within(broken.inputs, way)
        del holder[int(last) if isinstance(holder, list) else last]
        broken.outputs.pop(path, None)
        return [_made_without(broken, path)]

    return change


def _made_without(resource: Registered, name: str) -> Registered:
    return replace(resource, dependencies={other: on for other, on in resource.dependencies.items() if other != name})


def _within(props: Any, way: Sequence[str]) -> Any:
    """Returns the part of a resource's properties at the end of a path. Creates missing objects along the path."""
    for step in way:
        props = cast(Any, props[int(step)] if isinstance(props, list) else props.setdefault(step, {}))
    return props


def text(path: str, edit: Callable[[str], str]) -> Change:
    """Returns a change that edits a string property. The function `edit` takes the old value of the property at `path`,
    and returns the new value.
    """

    *way, last = path.split(".")

    def change(broken: Registered) -> Sequence[Registered]:
        return put(path, edit(_within(broken.inputs, way)[last]))(broken)

    return change


def statements(path: str, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Change:
    """Returns a change that edits an IAM policy document. `path` names the property with the document. The function
    `edit` takes the old statements, and returns the new ones.
    """

    def rewritten(document: str) -> str:
        parsed = json.loads(document)
        return json.dumps({**parsed, "Statement": edit(parsed["Statement"])})

    return text(path, rewritten)


def also_allow(path: str, **statement: Any) -> Change:
    return statements(path, lambda those: [*those, {"Effect": "Allow", "Resource": "*", **statement}])


def remove(broken: Registered) -> Sequence[Registered]:
    """Removes the resource `broken` from a stack. A change returns the resources that take the place of `broken`, so
    this change returns an empty list.
    """
    return []


def unprotected(broken: Registered) -> Sequence[Registered]:
    return [replace(broken, protect=False)]


def add_resource(type_token: str, *, depends: str = "", **props: Any) -> Change:
    """Returns a change that adds a new resource to a stack. The change takes one existing resource, and the new
    resource gets the same parent.

    If `depends` is given, it names a property of the new resource. Through this property, the new resource depends on
    the existing one.
    """

    def change(broken: Registered) -> Sequence[Registered]:
        urn = broken.urn.replace(f"{broken.type}::{broken.name}", f"{type_token}::added")
        on = {depends: [broken.urn]} if depends else {}
        return [broken, Registered(type_token, "added", props, {}, frozenset(), False, urn, broken.parent, on)]

    return change
