"""Reads the plans that `pulumi preview --json` prints, with one change per resource. Also reads the resources of a
Pulumi state.

The engine lists a replacement as several steps of one resource. This module merges these steps into one change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

# A Pulumi plan contains this string in place of a value that is known only during `pulumi up` (pulumi/pulumi,
# sdk/go/common/resource/plugin).
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Action = Literal["same", "create", "update", "replace", "delete"]

# Maps the Pulumi engine's name for a kind of plan step to an `Action`. Steps of other kinds (`discard`,
# `remove-pending-replace`) change nothing in the cloud.
_ACTIONS: Mapping[str, Action] = {
    "same": "same",
    "refresh": "same",
    "read": "same",
    "import": "create",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "read-replacement": "replace",
    "import-replacement": "replace",
}

_WEIGHT: Mapping[Action, int] = {"same": 0, "update": 1, "create": 2, "delete": 3, "replace": 4}


class PlanError(Exception):
    """Raised for a document that is not a Pulumi plan, and for the plan of a failed preview. The message says which of
    these two problems occurred.
    """


@dataclass(frozen=True)
class Resource:
    """A resource in a Pulumi plan or state. `depends` maps the name of an input to the URNs of the resources that the
    input's value comes from. `after` has the URNs of all resources that this resource depends on.
    """

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    after: tuple[str, ...] = ()
    parent: str = ""
    custom: bool = True

    @property
    def label(self) -> str:
        """The name of a resource in messages to users. It consists of the last part of the resource's type and the
        resource's name.
        """
        return f"{self.type.rsplit(':', 1)[-1]} {self.name}"

    def uses(self) -> set[str]:
        """Returns the URNs of all resources that this resource depends on, through inputs or explicit dependencies."""
        return {urn for urns in self.depends.values() for urn in urns} | set(self.after)


@dataclass(frozen=True)
class Change:
    """The planned change of one resource in a Pulumi plan.

    `old` is the resource before the change, and None if the plan creates the resource. `new` is the resource after the
    change, and None if the plan deletes the resource. `keys` contains the names of the changed inputs.
    """

    action: Action
    old: Resource | None
    new: Resource | None
    keys: tuple[str, ...] = ()

    @property
    def resource(self) -> Resource:
        """The resource after the planned change, or before the change if the plan deletes the resource."""
        resource = self.new or self.old
        assert resource is not None  # noqa: S101  `read_plan` makes no change without a state
        return resource

    @property
    def label(self) -> str:
        return self.resource.label

    @property
    def destructive(self) -> bool:
        return self.action in ("replace", "delete")


@dataclass(frozen=True)
class Plan:
    """A Pulumi plan. `changes` has each resource by URN. An unchanged resource has the action `same`."""

    changes: Mapping[str, Change]

    def of(self, kinds: frozenset[str], *actions: Action) -> list[Change]:
        """Returns the planned changes of resources whose type is in `kinds`, in the plan's order. `actions` limits the
        result to changes with these actions, if it is given.
        """
        return [
            change
            for change in self.changes.values()
            if change.resource.type in kinds and (not actions or change.action in actions)
        ]

    def before(self) -> list[Resource]:
        return [change.old for change in self.changes.values() if change.old is not None]

    def after(self) -> list[Resource]:
        return [change.new for change in self.changes.values() if change.new is not None]


def load(file: Path) -> Any:
    """Returns the JSON document in a file. Raises PlanError if the file cannot be read or does not contain JSON."""
    try:
        return json.loads(file.read_text())
    except OSError as error:
        raise PlanError(f"{file}: {error.strerror}") from None
    except ValueError:
        raise PlanError(f"{file}: not JSON; write it with `pulumi preview --json`") from None


def read_plan(document: Any) -> Plan:
    """Returns the plan in the output of `pulumi preview --json`. Raises PlanError if the output is not a plan, comes
    from a failed preview, or lacks the unchanged resources. Without the unchanged resources, the checks would miss
    problems.
    """
    if not isinstance(document, dict) or "steps" not in document:
        raise PlanError("no `steps` in it; it is not what `pulumi preview --json` prints")
    printed = cast(dict[str, Any], document)
    said = cast(list[dict[str, str]], printed.get("diagnostics") or [])
    errors = [item["message"].strip() for item in said if item.get("severity") == "error"]
    if errors:
        raise PlanError(f"the preview failed: {errors[0]}")
    summary: Mapping[str, int] = printed.get("changeSummary") or {"same": 0}
    if summary.get("same", 0) > sum(step["op"] == "same" for step in printed["steps"]):
        raise PlanError("it leaves out unchanged resources; create it with `pulumi preview --json --show-sames`")
    changes: dict[str, Change] = {}
    for step in cast(list[dict[str, Any]], printed["steps"]):
        action = _ACTIONS.get(step["op"])
        if action is not None:
            changes[step["urn"]] = _merged(changes.get(step["urn"]), _change(step, action))
    return Plan(changes)


def read_resources(document: Any) -> list[Resource]:
    """Returns the resources in the output of `pulumi stack export`. If the document is a plan, returns the resources
    that exist after the plan. Raises PlanError if the document is neither an exported stack nor a plan.
    """
    if isinstance(document, dict) and "deployment" in document:
        listed: Any = cast(dict[str, Any], document)["deployment"].get("resources") or []
        return [_resource(state) for state in listed if not state.get("delete")]
    return read_plan(document).after()


def known(value: Any) -> bool:
    """Returns whether Pulumi knows the whole value of an input before `pulumi up`."""
    return UNKNOWN not in _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in cast(Mapping[str, Any], value).values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in cast(list[Any], value):
            yield from _texts(item)


def _change(step: Mapping[str, Any], action: Action) -> Change:
    old, new = step.get("oldState"), step.get("newState")
    resources = (_resource(old) if old else None, _resource(new) if new else None)
    if action == "delete" or step["op"] == "delete-replaced":
        resources = (resources[0], None)
    return Change(action, *resources, tuple(_keys(step)))


def _keys(step: Mapping[str, Any]) -> Iterable[str]:
    """Returns the names of a resource's top-level inputs that a plan step changes, as the provider reports them."""
    paths = step.get("detailedDiff") or dict.fromkeys(step.get("diffReasons") or [])
    return dict.fromkeys(path.split(".")[0].split("[")[0] for path in paths)


def _merged(one: Change | None, other: Change) -> Change:
    """Merges two plan steps of one resource into one change. `one` is the result of the earlier steps, and `other` is
    the next step. The old and the new state come from `one`. If `one` lacks a state, this state comes from `other`.
    """
    if one is None:
        return other
    action = max(one.action, other.action, key=_WEIGHT.__getitem__)
    return Change(action, one.old or other.old, one.new or other.new, tuple(dict.fromkeys((*one.keys, *other.keys))))


def _resource(state: Mapping[str, Any]) -> Resource:
    depends = cast(Mapping[str, Any], state.get("propertyDependencies") or {})
    return Resource(
        urn=state["urn"],
        type=state["type"],
        name=state["urn"].split("::", 3)[3],
        inputs=state.get("inputs") or {},
        outputs=state.get("outputs") or {},
        depends={key: tuple(urns) for key, urns in depends.items() if urns},
        after=tuple(state.get("dependencies") or ()),
        parent=state.get("parent") or "",
        custom=bool(state.get("custom")),
    )
