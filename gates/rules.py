"""The rules of the plan gate, which checks Pulumi plans. A single `pulumi up` must not break these rules. Some rules
cite an incident that the rule would have prevented.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gates import user_data
from gates.limits import Limits
from gates.places import led_to, region_of, users_of
from gates.plan import Change, Plan, Resource
from gates.resource_types import BUCKETS, CERTIFICATES, ENDPOINT_GROUP, NODES, RECORDS, STOPPED_FOR, STORES
from gates.shift import shift_of
from gates.traffic import DIALS, ROUNDING, client_names, host_of, moved

# The inputs that determine to which target a DNS record sends clients.
_LEADS = frozenset({"records", "rrdatas", "content", "value", "aliases", "type", "name", "weightedRoutingPolicies"})


@dataclass(frozen=True)
class Refusal:
    """One reason why a plan must not be applied. `urns` contains the URNs of the resources whose changes are the
    reason.
    """

    rule: str
    message: str
    urns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


Rule = Callable[[Plan, Limits], Iterator[Refusal]]


def judge(plan: Plan, limits: Limits, today: datetime.date) -> list[Refusal]:
    """Returns the reasons why the plan gate, which checks Pulumi plans, refuses a plan. A reason is left out if the
    limits file has a valid exemption for each resource that the reason names.
    """
    passed = {change.resource.urn for change in plan.changes.values() if limits.allows(change.label, today)}
    found = (refusal for rule in RULES for refusal in rule(plan, limits))
    return [refusal for refusal in found if not passed.issuperset(refusal.urns)]


def certificate_and_dns(plan: Plan, limits: Limits) -> Iterator[Refusal]:
    """Refuses a plan that changes certificates and also the DNS records of names that clients use. If the change of a
    certificate or of a record is wrong, the other change makes the repair harder and the outage longer. The Rust
    project had an outage of this kind in January 2023.
    """
    names = client_names([*plan.before(), *plan.after()], limits)
    certificates = [one for one in plan.of(CERTIFICATES) if one.destructive or (one.action == "update" and one.keys)]
    records = [
        one
        for one in plan.of(RECORDS)
        if (not names or host_of(one.resource) in names)
        and (one.destructive or (one.action == "update" and _LEADS.intersection(one.keys)))
    ]
    if certificates and records:
        yield Refusal(
            "certificate-and-dns",
            f"{_labels(certificates)} and {_labels(records)} change in one apply",
            _urns([*certificates, *records]),
        )


def last_of_region(plan: Plan, limits: Limits) -> Iterator[Refusal]:
    """Refuses a plan that removes or replaces the last machine of a region while clients send requests to the region.
    Also refuses a plan that removes the last bucket of a region while machines read from the bucket.
    """
    before = plan.before()
    for (region, _), nodes in by_group(plan.of(NODES, "same", "update", "replace", "delete")).items():
        urns = _urns(nodes)
        replaced = [one for one in nodes if emptied(one)]
        gone = [*replaced, *(one for one in nodes if one.action == "delete")]
        if len(gone) < len(nodes) or len(replaced) > 1 or (replaced and limits.sole_nodes):
            # A region in which at least one machine is neither replaced nor deleted is safe. If the plan replaces
            # several machines of a region, the rule `rotation` checks the region instead. The limit `sole_nodes`
            # permits the replacement of a region's only machine.
            continue
        if led_to(urns, region, before):
            fate = "is replaced; add a second one first, or allow `sole_nodes`" if replaced else "is removed"
            message = f"requests lead to {region}, and its last machine ({_labels(gone)}) {fate}"
            yield Refusal("last-of-region", message, urns)
    for (region, _), buckets in by_group(plan.of(BUCKETS, "same", "update", "replace", "delete")).items():
        users = _readers([one.resource for one in buckets], before)
        if users and all(one.destructive for one in buckets):
            yield Refusal(
                "last-of-region",
                f"the last origin of {region} ({_labels(buckets)}) is removed while {len(users)} machines read from it",
                _urns(buckets),
            )


def rotation(plan: Plan, limits: Limits) -> Iterator[Refusal]:
    """Refuses a plan that replaces too many machines at once. New machines start with empty caches, so they would send
    all requests of clients to the origin at the same time. A deleted machine counts as replaced if the plan creates
    another machine in its group.
    """
    groups = by_group(plan.of(NODES, "same", "update", "replace", "delete"))
    created = by_group(plan.of(NODES, "create"))
    all_replaced: list[Change] = []
    for (region, component), nodes in groups.items():
        deleted = [one for one in nodes if one.action == "delete"]
        renamed = deleted[: len(created.get((region, component), []))]
        replaced = [*(one for one in nodes if emptied(one)), *renamed]
        all_replaced += replaced
        if len(nodes) > 1 and len(replaced) > at_once(limits.nodes_of_region, len(nodes)):
            yield _rotation_refusal(f"of {region}", replaced, len(nodes), limits.nodes_of_region)
    total = sum(map(len, groups.values()))
    if len(all_replaced) > at_once(limits.nodes_worldwide, total):
        yield _rotation_refusal("of the whole network", all_replaced, total, limits.nodes_worldwide)


def stores_stay(plan: Plan, limits: Limits) -> Iterator[Refusal]:
    """Refuses a plan that replaces or deletes a store, such as a bucket or a table. The replacement would be empty,
    because the content of a store does not move to a replacement.
    """
    for change in plan.of(STORES, "replace", "delete"):
        because = f" because of {', '.join(change.keys)}" if change.keys else ""
        verb = "replaced" if change.action == "replace" else "deleted"
        yield Refusal("stores-stay", f"{change.label} is {verb}{because}", (change.resource.urn,))


def traffic(plan: Plan, limits: Limits) -> Iterator[Refusal]:
    """Refuses a plan that sends too large a share of clients to other targets at once. If the share is small, a fault
    of a new target affects only few clients.

    The limit applies to the share of all clients, although only a part of the clients uses some DNS names. For example,
    the weighted records of the hostname that clients connect to send 20 % of the clients to the name of our own PoPs.
    If a plan moves half of these clients to another target, the plan moves 10 % of all clients.
    """
    shift = shift_of(plan, limits)
    for name, split in shift.before.items():
        host = name.partition(" ")[0]
        if shift.is_covered(host):
            continue
        share = moved(split, shift.after.get(name, {})) * shift.weight(host)
        if share > limits.traffic + ROUNDING:
            urns = tuple(
                one.resource.urn for one in plan.changes.values() if _is_named(one, name) and one.action != "same"
            )
            yield Refusal(
                "traffic",
                f"{share:.0%} of the clients of {name} are sent elsewhere; the limit is {limits.traffic:.0%}",
                urns,
            )


def one_change(plan: Plan, limits: Limits) -> Iterator[Refusal]:
    """Refuses a plan that changes two DNS records which the same clients look up one after the other. For example, the
    first record directs clients to an edge network, and the second record directs the same clients to a region. If one
    of the changes causes a fault, nobody knows which change to undo.
    """
    shift = shift_of(plan, limits)
    for root in sorted(shift.roots):
        changed = [
            name
            for name in shift.passed(root)
            if not shift.is_covered(name) and shift.weight(name) * shift.moved_at(name) > ROUNDING
        ]
        if len(changed) > 1:
            yield Refusal(
                "one-change",
                f"what clients of {root} resolve changes in one apply at {' and '.join(sorted(changed))}",
                tuple(
                    one.resource.urn
                    for one in plan.of(RECORDS)
                    if one.action != "same" and host_of(one.resource) in changed
                ),
            )


RULES: Sequence[Rule] = (certificate_and_dns, last_of_region, rotation, stores_stay, traffic, one_change)


def at_once(share: float, of: int) -> int:
    """Returns how many machines of a group may be replaced at once: the fraction `share` of the group, rounded down,
    but at least one. `of` is the number of all machines in the group.
    """
    return max(1, int(share * of + 1e-9))


def emptied(machine: Change) -> bool:
    """Returns whether a planned change to a machine leaves the machine's cache empty."""
    return machine.action == "replace" or (machine.action == "update" and not STOPPED_FOR.isdisjoint(machine.keys))


def _rotation_refusal(where: str, replaced: Sequence[Change], of: int, share: float) -> Refusal:
    message = f"{len(replaced)} of {of} machines {where} are replaced at once; the limit is {at_once(share, of)}"
    return Refusal("rotation", message, _urns(replaced))


def _is_named(change: Change, name: str) -> bool:
    states = [state for state in (change.old, change.new) if state is not None]
    if name.endswith(DIALS):
        return change.resource.type == ENDPOINT_GROUP
    return change.label == name or any(
        f"{state.inputs.get('name', '')} {state.inputs.get('type', '')}" == name for state in states
    )


def _readers(buckets: Sequence[Resource], resources: Sequence[Resource]) -> list[Resource]:
    """Returns the machines that read from at least one of the given buckets. A machine reads from a bucket if its user
    data contains the bucket's name. If a machine's user data cannot be read, the machine is in the result if its Pulumi
    resource depends on one of the buckets.
    """
    users = users_of([one.urn for one in buckets], resources)
    names = [str(one.inputs.get("bucket") or one.inputs.get("name")) for one in buckets]
    machines = [one for one in resources if one.type in NODES]
    return [
        one
        for one in machines
        if any(user_data.reads(one, name) for name in names) or (one.urn in users and not user_data.program(one))
    ]


def by_group(changes: Sequence[Change]) -> dict[tuple[str, str], list[Change]]:
    """Groups changes of resources by the region and by the type of the component that contains the resource. For
    example, the shields (caches) of one region are a group, and the machines of one PoP are a group.
    """
    found: defaultdict[tuple[str, str], list[Change]] = defaultdict(list)
    for change in changes:
        resource = change.old or change.resource
        found[region_of(resource), resource.urn.split("::")[2].rsplit("$", 1)[0]].append(change)
    return found


def _urns(changes: Sequence[Change]) -> tuple[str, ...]:
    return tuple(change.resource.urn for change in changes)


def _labels(changes: Sequence[Change]) -> str:
    labels = [change.label for change in changes]
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
