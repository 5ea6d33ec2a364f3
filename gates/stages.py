"""A refused apply as several that may be done one after the other, each with what to name as `--target`.

First what is new, then certificates, then machines in waves, then what clients are sent to, then what is to go. What
uses a replaced resource is in the same apply; what is deleted goes with the last that used it, or after.
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

_BUILD, _CERTIFY, _ROTATE, _LEAD, _REMOVE = 0, 1, 2, 1000, 2000
"""Ranks of stages; waves of machines count up from _ROTATE, steps of traffic from _LEAD."""


@dataclass(frozen=True)
class Stage:
    """One apply: what it does in a word, its targets, and what is still wrong with it."""

    purpose: str
    urns: tuple[str, ...]
    refusals: tuple[Refusal, ...]


def split(plan: Plan, limits: Limits, today: datetime.date) -> list[Stage]:
    """The applies in order. Each was judged as if those before it had been done."""
    ranks = _ranks(plan, limits)
    stages: list[Stage] = []
    done: set[str] = set()
    for rank in sorted(set(ranks.values())):
        urns = tuple(urn for urn in plan.changes if ranks.get(urn) == rank)
        refusals = judge(_part(plan, done, set(urns)), limits, today)
        stages.append(Stage(_purpose(rank), urns, tuple(refusals)))
        done |= set(urns)
    return stages


def _part(plan: Plan, done: set[str], now: set[str]) -> Plan:
    """The plan in which only `now` changes, after `done` has been applied."""
    changes: dict[str, Change] = {}
    for urn, change in plan.changes.items():
        if urn in now or change.action == "same":
            changes[urn] = change
        elif (there := change.new if urn in done else change.old) is not None:
            changes[urn] = replace(change, action="same", old=there, new=there, keys=())
    return Plan(changes)


def _ranks(plan: Plan, limits: Limits) -> dict[str, int]:
    """The stage of each change. What stays the same has none, nor has a component that is there before and after."""
    changed = {
        urn: one
        for urn, one in plan.changes.items()
        if one.action != "same" and (one.resource.custom or one.action != "update")
    }
    ranks = {urn: _own_rank(one) for urn, one in changed.items()} | _waves(plan, limits)
    with_replaced: dict[str, int] = {}
    for urn, change in changed.items():
        if change.action == "replace":
            for user in _changed_because(plan, urn):
                with_replaced[user] = max(ranks[urn], with_replaced.get(user, _BUILD))
    ranks |= with_replaced
    for _ in changed:  # a chain of dependencies is no longer than there are changes
        moved = [_settle(urn, one, ranks) for urn, one in changed.items()]
        if True not in moved:
            break
    return ranks


def _settle(urn: str, change: Change, ranks: dict[str, int]) -> bool:
    """Puts the change no earlier than what it is made of, and what it no longer uses no earlier than the change."""
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


def _waves(plan: Plan, limits: Limits) -> dict[str, int]:
    """Machines whose caches are lost, a few of each region at a time."""
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
    """What changes only in inputs that come from a replaced resource: apart from it, it would point to what is gone."""
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
        return "move what clients are sent to"
    if rank >= _ROTATE:
        return f"replace machines, wave {rank - _ROTATE + 1}"
    return {_BUILD: "make what is new, change what nobody is sent to", _CERTIFY: "change certificates"}[rank]


def lines(stages: Sequence[Stage]) -> list[str]:
    """The split as a user carries it out."""
    said: list[str] = []
    for number, stage in enumerate(stages, start=1):
        said.append(f"apply {number} of {len(stages)}: {stage.purpose}")
        said += [f"    --target '{urn}'" for urn in stage.urns]
        said += [f"    cannot be split further: {refusal}" for refusal in stage.refusals]
    return said
