"""Splits a plan into several runs of `pulumi up` if the plan gate refuses the whole plan. The operator starts the runs
one after the other, each with its own `--target` options.

The order is: new resources, certificates, machines in waves, DNS and load balancers, and removals. If a DNS name points
to a second DNS name, the second name changes first. Resources that change only because of a replaced resource are in
the same run as the replacement. A deleted resource is in the same run as the last resource that used it, or in a later
run.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gates.limits import Limits
from gates.places import users_of
from gates.plan import Change, Plan
from gates.resource_types import BALANCERS, CERTIFICATES, ENTRANCES, NODES, RECORDS
from gates.rules import Refusal, at_once, by_group, emptied, judge
from gates.shift import steps_from_clients
from gates.traffic import host_of

# Operators apply the changes of a plan in the ascending order of their positions: creations (_BUILD), certificates
# (_CERTIFY), replacements of machines (from _ROTATE), DNS records and load balancers (from _LEAD), and removals
# (_REMOVE).
#
# Machines are replaced in waves, which have the positions _ROTATE, _ROTATE + 1 and so on. The closer a DNS name is to
# the clients, the higher is its position. The name that clients use therefore changes last.
_BUILD, _CERTIFY, _ROTATE, _LEAD, _REMOVE = 0, 1, 2, 1000, 2000


@dataclass(frozen=True)
class Stage:
    """A stage: a part of a refused plan that an operator applies in a separate run of `pulumi up`. `urns` are the
    resources that the part changes. `refusals` has the reasons why the plan gate refuses even this part.
    """

    purpose: str
    urns: tuple[str, ...]
    refusals: tuple[Refusal, ...]


def split(plan: Plan, limits: Limits, today: datetime.date) -> list[Stage]:
    """Splits a plan into stages, which are separate runs of `pulumi up`, in their order. The plan gate checks each
    stage as if all earlier stages had been applied.
    """
    ranks = _ranks(plan, limits)
    stages: list[Stage] = []
    done: set[str] = set()
    for rank in sorted(set(ranks.values())):
        urns = tuple(urn for urn in plan.changes if ranks.get(urn) == rank)
        refusals = judge(_partial_plan(plan, done, set(urns)), limits, today)
        stages.append(Stage(_purpose(rank), urns, tuple(refusals)))
        done |= set(urns)
    return stages


def _partial_plan(plan: Plan, done: set[str], now: set[str]) -> Plan:
    """Returns the part of `plan` that one stage carries out. A stage is one of several runs of `pulumi up`. Only the
    resources in `now` change in this stage. The resources in `done` are already in their new state, and all other
    resources stay in their old state.
    """
    changes: dict[str, Change] = {}
    for urn, change in plan.changes.items():
        if urn in now or change.action == "same":
            changes[urn] = change
        elif (there := change.new if urn in done else change.old) is not None:
            changes[urn] = replace(change, action="same", old=there, new=there, keys=())
    return Plan(changes)


def _ranks(plan: Plan, limits: Limits) -> dict[str, int]:
    """Returns the position of each planned change in the sequence of several runs of `pulumi up`. Two kinds of
    resources have no position: unchanged resources, and components that exist before and after the plan.
    """
    changed = {
        urn: one
        for urn, one in plan.changes.items()
        if one.action != "same" and (one.resource.custom or one.action != "update")
    }
    ranks = {urn: _own_rank(one) for urn, one in changed.items()} | _assign_waves(plan, limits)
    steps = steps_from_clients(plan, limits)
    for urn, change in changed.items():
        if change.resource.type in RECORDS and (host := host_of(change.resource)) in steps:
            ranks[urn] = _LEAD + max(steps.values()) - steps[host]
    with_replaced: dict[str, int] = {}
    for urn, change in changed.items():
        if change.action == "replace":
            for user in _changed_because(plan, urn):
                with_replaced[user] = max(ranks[urn], with_replaced.get(user, _BUILD))
    ranks |= with_replaced
    # Each pass of this loop moves a planned change behind the changes that it directly depends on, so a chain of
    # dependencies can need several passes. No chain is longer than the number of changes.
    for _ in changed:
        moved = [_raise_ranks(urn, one, ranks) for urn, one in changed.items()]
        if True not in moved:
            break
    return ranks


def _raise_ranks(urn: str, change: Change, ranks: dict[str, int]) -> bool:
    """Orders the planned changes of the resource `urn` and of the resources that `urn` uses. Postpones
    changes to later runs of `pulumi up` where necessary. Returns whether the function has postponed a change.

    If the new state of `urn` uses another resource, the other resource changes in the same run as `urn`, or earlier. If
    only the old state uses the other resource, the other resource changes in the same run as `urn`, or later.
    """
    before = dict(ranks)
    if change.new is not None:
        ranks[urn] = max([ranks[urn], *(ranks[used] for used in change.new.uses() if used in ranks)])
    if change.old is not None:
        for used in change.old.uses() - (change.new.uses() if change.new else set()):
            if used in ranks:
                ranks[used] = max(ranks[used], ranks[urn])
    return before != ranks


def _own_rank(change: Change) -> int:
    kind = change.resource.type
    if kind in RECORDS | BALANCERS or (kind in ENTRANCES and not _is_address(kind)):
        return _LEAD
    if change.action == "delete":
        return _REMOVE
    return _CERTIFY if kind in CERTIFICATES else _BUILD


def _is_address(kind: str) -> bool:
    return kind.endswith((":Eip", ":Address", ":GlobalAddress"))


def _assign_waves(plan: Plan, limits: Limits) -> dict[str, int]:
    """Finds the machines whose cache the plan empties, and distributes their changes over several runs of `pulumi up`.
    Each run changes only as many of these machines as the limits for one region and for all regions allow. Returns a
    mapping from each machine's URN to the position of its run.
    """
    nodes = plan.of(NODES, "same", "update", "replace", "delete")
    waves: defaultdict[int, list[str]] = defaultdict(list)
    for changes in by_group(nodes).values():
        replaced = [change.resource.urn for change in changes if emptied(change)]
        size = at_once(limits.nodes_of_region, len(changes))
        for number, machine in enumerate(replaced):
            waves[number // size].append(machine)
    whole = at_once(limits.nodes_worldwide, len(nodes))
    applies = [wave[start : start + whole] for wave in waves.values() for start in range(0, len(wave), whole)]
    return {urn: _ROTATE + number for number, wave in enumerate(applies) for urn in wave}


def _changed_because(plan: Plan, replaced: str) -> set[str]:
    """Returns the URNs of resources whose changed inputs all come from the replaced resource `replaced`. These
    resources must change in the same `pulumi up` as `replaced`. Otherwise they would refer to a resource that no longer
    exists.
    """
    return {
        urn
        for urn in users_of([replaced], plan.after()) - {replaced}
        if (change := plan.changes[urn]).action == "update"
        and change.new is not None
        and change.keys
        and all(replaced in change.new.depends.get(key, ()) for key in change.keys)
    }


def _purpose(rank: int) -> str:
    if rank >= _REMOVE:
        return "remove what nothing uses any more"
    if rank >= _LEAD:
        return "change the names and weights that lead clients"
    if rank >= _ROTATE:
        return f"replace machines, wave {rank - _ROTATE + 1}"
    return {_BUILD: "create new resources, and change those that no client reaches", _CERTIFY: "change certificates"}[
        rank
    ]


def lines(stages: Sequence[Stage]) -> list[str]:
    """Returns the lines of text that the plan gate prints about a plan's stages, which are separate runs of `pulumi
    up`.
    """
    said = [f"{len(stages)} applies, in this order; run each as `pulumi up` with its targets:"] if stages else []
    for number, stage in enumerate(stages, start=1):
        said.append(f"apply {number} of {len(stages)}: {stage.purpose}")
        said += [f"    --target '{urn}'" for urn in stage.urns]
        said += [f"    cannot be split further: {refusal}" for refusal in stage.refusals]
    return said
