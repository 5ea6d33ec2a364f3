"""A plan as `pulumi preview --json` prints it, one change a resource; and the resources of a state.

The engine lists a replacement as several steps of one resource; here they are one change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How the engine writes a value that it will know only after `up` (pulumi/pulumi, sdk/go/common/resource/plugin)."""

Action = Literal["same", "create", "update", "replace", "delete"]

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
"""By the engine's name of a step. Others (`discard`, `remove-pending-replace`) do nothing to the cloud."""

_WEIGHT: Mapping[Action, int] = {"same": 0, "update": 1, "create": 2, "delete": 3, "replace": 4}


class PlanError(Exception):
    """What was given is no plan, or one of a preview that failed; the message says which."""


@dataclass(frozen=True)
class Resource:
    """A resource as it is or is to be. `depends` maps inputs to the URNs that their values come from."""

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
        """How users name it: the last part of the type, and the name."""
        return f"{self.type.rsplit(':', 1)[-1]} {self.name}"

    def uses(self) -> set[str]:
        """URNs of everything that it is made of or waits for."""
        return {urn for urns in self.depends.values() for urn in urns} | set(self.after)


@dataclass(frozen=True)
class Change:
    """What is to happen to one resource. `old` is None for a creation, `new` for a deletion; `keys`: changed inputs."""

    action: Action
    old: Resource | None
    new: Resource | None
    keys: tuple[str, ...] = ()

    @property
    def resource(self) -> Resource:
        """As it is to be; as it was, where it is to go."""
        resource = self.new or self.old
        assert resource is not None  # noqa: S101  `read_plan` makes none of the kind
        return resource

    @property
    def label(self) -> str:
        return self.resource.label

    @property
    def destructive(self) -> bool:
        return self.action in ("replace", "delete")


@dataclass(frozen=True)
class Plan:
    """All resources of a stack by URN, the unchanged ones too."""

    changes: Mapping[str, Change]

    def of(self, kinds: frozenset[str], *actions: Action) -> list[Change]:
        """Changes of resources of these types, in the plan's order; of any action if none is named."""
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
    """The JSON in a file. Raises PlanError."""
    try:
        return json.loads(file.read_text())
    except OSError as error:
        raise PlanError(f"{file}: {error.strerror}") from None
    except ValueError:
        raise PlanError(f"{file}: not JSON; write it with `pulumi preview --json`") from None


def read_plan(document: Any) -> Plan:
    """The plan in what `pulumi preview --json` printed. Raises PlanError, also where the preview failed: half of a plan
    would look harmless."""
    if not isinstance(document, dict) or "steps" not in document:
        raise PlanError("no `steps` in it; it is not what `pulumi preview --json` prints")
    printed = cast(dict[str, Any], document)
    said = cast(list[dict[str, str]], printed.get("diagnostics") or [])
    errors = [item["message"].strip() for item in said if item.get("severity") == "error"]
    if errors:
        raise PlanError(f"the preview failed: {errors[0]}")
    summary: Mapping[str, int] = printed.get("changeSummary") or {"same": 0}
    if summary.get("same", 0) > sum(step["op"] == "same" for step in printed["steps"]):
        raise PlanError("it leaves out what stays the same; make it with `pulumi preview --json --show-sames`")
    changes: dict[str, Change] = {}
    for step in cast(list[dict[str, Any]], printed["steps"]):
        action = _ACTIONS.get(step["op"])
        if action is not None:
            changes[step["urn"]] = _merged(changes.get(step["urn"]), _change(step, action))
    return Plan(changes)


def read_resources(document: Any) -> list[Resource]:
    """The resources that there will be (of a plan) or are (of what `pulumi stack export` printed). Raises PlanError."""
    if isinstance(document, dict) and "deployment" in document:
        listed: Any = cast(dict[str, Any], document)["deployment"].get("resources") or []
        return [_resource(state) for state in listed if not state.get("delete")]
    return read_plan(document).after()


def known(value: Any) -> bool:
    """Whether no part of the value waits for `up`."""
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
    """Top-level inputs that differ, of those of which the provider says that they matter."""
    paths = step.get("detailedDiff") or dict.fromkeys(step.get("diffReasons") or [])
    return dict.fromkeys(path.split(".")[0].split("[")[0] for path in paths)


def _merged(one: Change | None, other: Change) -> Change:
    """Two steps of one resource as one change; what a later step leaves out is kept."""
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
