"""What a read path is made of: parts that can be lost, and what each needs to do its work.

A part does its work while nothing of what it stands on is lost, and one alternative of each of its needs works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Losses = frozenset[str]
"""What is gone, each written `<kind>:<name>`: `zone:eu-west-1a`, `region:eu-west-1`, `cloud:aws`, `edge:cloudflare`,
`dns:route53`, `store:Bucket eu-west-1`."""


@dataclass(frozen=True)
class Need:
    """What for, and what would do: whoever needs it tries the alternatives in turn."""

    what: str
    alternatives: Sequence[Part]


@dataclass(frozen=True)
class Part:
    """`stands_on` are the losses that take it along."""

    name: str
    stands_on: frozenset[str] = frozenset()
    needs: Sequence[Need] = ()


def broken(part: Part, lost: Losses) -> str | None:
    """Why the part does not do its work with these losses: the first need that nothing meets. None while it does."""
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
    """All that could take the part or something that it needs along."""
    below = (losses(alternative) for need in part.needs for alternative in need.alternatives)
    return part.stands_on.union(*below)


def _some(reasons: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(reasons))
    return "; ".join(distinct[:2]) + (f"; and {len(distinct) - 2} more" if len(distinct) > 2 else "")
