"""Summarizes a Pulumi plan by tier (a part of the stack), such as `dns`. Similar changes share one line."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from gates.plan import Action, Change, Plan, Resource

_SIGNS: dict[Action, str] = {"create": "+", "update": "~", "replace": "±", "delete": "-"}
_VERBS: dict[Action, str] = {
    "create": "to create",
    "update": "to change",
    "replace": "to replace",
    "delete": "to delete",
    "same": "unchanged",
}
# A line of a plan's summary names at most this number of resources, and then says how many more there are. If there is
# only one more resource, the line names it instead.
_NAMED = 4


def tier_of(resource: Resource) -> str:
    """Returns the tier (a part of the stack) that a resource belongs to. The type of the innermost component that
    contains the resource names the tier in its second part: `dns` in `artifact-edge:dns:Dns`. A resource outside all
    components belongs to the tier `stack`.
    """
    chain = resource.urn.split("::")[2].split("$")
    return chain[-2].split(":")[1] if len(chain) > 1 and ":" in chain[-2] else "stack"


def counts(plan: Plan) -> str:
    """Returns the numbers of a plan's changes by action, such as `3 to create, 2 to replace, 170 unchanged`. The
    numbers leave out Pulumi components, because components are not resources in a cloud.
    """
    found = Counter(change.action for change in _real_changes(plan))
    return ", ".join(f"{found[action]} {verb}" for action, verb in _VERBS.items() if found[action]) or "nothing"


def tree(resources: Iterable[Resource]) -> Iterator[str]:
    """Yields one line for each tier (a part of the stack). The line contains the total number of the tier's resources,
    and the number for each resource type: `dns 32: 14 Record, 17 HealthCheck, 1 Zone`.
    """
    tiers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for resource in resources:
        if _is_real(resource):
            tiers[tier_of(resource)][_type_name(resource)] += 1
    for tier, types in sorted(tiers.items()):
        listed = ", ".join(f"{number} {name}" for name, number in types.most_common())
        yield f"{tier:<14}{types.total():>4}: {listed}"


def diff(plan: Plan) -> Iterator[str]:
    """Yields one line for each kind of change in a plan, such as `dns ~ 2 Record edge-eu, edge-us: records`. This line
    says that the plan updates (`~`) two DNS records in the tier `dns`, a part of the stack. The input `records` of both
    resources changes.
    """
    alike: defaultdict[tuple[str, Action, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for change in _real_changes(plan):
        if change.action != "same":
            resource = change.resource
            alike[tier_of(resource), change.action, _type_name(resource), change.keys].append(resource.name)
    for (tier, action, kind, keys), names in sorted(alike.items()):
        number = f"{len(names)} " if len(names) > 1 else ""
        because = f": {', '.join(keys)}" if keys else ""
        yield f"{tier:<14}{_SIGNS[action]} {number}{kind} {_shortened(sorted(names))}{because}"


def _shortened(names: list[str]) -> str:
    shown = names if len(names) <= _NAMED + 1 else names[:_NAMED]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more


def _real_changes(plan: Plan) -> list[Change]:
    return [change for change in plan.changes.values() if _is_real(change.resource)]


def _is_real(resource: Resource) -> bool:
    return resource.custom and not resource.type.startswith("pulumi:")


def _type_name(resource: Resource) -> str:
    return resource.type.rsplit(":", 1)[-1]
