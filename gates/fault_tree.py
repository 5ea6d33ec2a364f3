"""A fault tree of a read path: the parts that can be lost, and what each part needs in order to work.

A part works while none of the losses that affect it has occurred, and while at least one alternative of each of its
needs works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Names of the things that are lost, each written `<kind>:<name>`: `zone:eu-west-1a`, `region:eu-west-1`, `cloud:aws`,
# `edge:cloudflare`, `dns:route53`, `store:Bucket eu-west-1`.
Losses = frozenset[str]


@dataclass(frozen=True)
class Need:
    """One need of a part. `what` is the purpose, and `alternatives` are the parts that can meet the need, tried in
    turn."""

    what: str
    alternatives: Sequence[Part]


@dataclass(frozen=True)
class Part:
    """A part of a read path. `stands_on` are the losses that take the part down, and `needs` are the needs that must be
    met."""

    name: str
    stands_on: frozenset[str] = frozenset()
    needs: Sequence[Need] = ()


def broken(part: Part, lost: Losses) -> str | None:
    """Returns why the part does not work after these losses, or None if the part works. The reason names the first need
    that no alternative meets."""
    hit = sorted(part.stands_on & lost)
    if hit:
        return f"{part.name} is lost with {', '.join(hit)}"
    for need in part.needs:
        reasons = [broken(one, lost) for one in need.alternatives]
        failed = [reason for reason in reasons if reason is not None]
        if len(failed) == len(reasons):
            return f"{part.name} has no {need.what}: {_some(failed) or 'there is none'}"
    return None


def losses(part: Part) -> frozenset[str]:
    """Returns every loss that can take down the part or anything that the part needs."""
    below = (losses(alternative) for need in part.needs for alternative in need.alternatives)
    return part.stands_on.union(*below)


def _some(reasons: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(reasons))
    return "; ".join(distinct[:2]) + (f"; and {len(distinct) - 2} more" if len(distinct) > 2 else "")
