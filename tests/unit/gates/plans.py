"""Builds small Pulumi plans in the format of `pulumi preview --json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gates.plan import Plan, read_plan

_STEPS = {
    "replace": ("create-replacement", "replace", "delete-replaced"),
}


def urn(kind: str, name: str, tier: str = "dns") -> str:
    return f"urn:pulumi:prod::artifact-edge::artifact-edge:{tier}:Tier${kind}::{name}"


def step(
    op: str,
    kind: str,
    name: str,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
    depends: Mapping[str, Sequence[str]] | None = None,
    keys: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Returns the steps of a Pulumi plan for one resource.

    `old` and `new` are the resource's inputs before and after the change. If only one of them is given, the resource
    has these inputs both before and after. A step that creates the resource has no old state. A step that deletes the
    resource has no new state.
    """

    def state(inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "urn": urn(kind, name),
            "type": kind,
            "custom": True,
            "inputs": dict(inputs),
            "propertyDependencies": {key: list(urns) for key, urns in (depends or {}).items()},
            "dependencies": sorted({one for urns in (depends or {}).values() for one in urns}),
        }

    was = None if op == "create" else state(old if old is not None else new or {})
    is_to_be = None if op == "delete" else state(new if new is not None else old or {})
    return [
        {
            "op": part,
            "urn": urn(kind, name),
            "oldState": was,
            "newState": is_to_be,
            "detailedDiff": {key: {"kind": "update"} for key in keys} or None,
        }
        for part in _STEPS.get(op, (op,))
    ]


def plan(*steps: list[dict[str, Any]]) -> Plan:
    return read_plan({"steps": [part for parts in steps for part in parts]})
