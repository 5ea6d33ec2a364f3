"""A fault tree of a client's read path. It says what each part of the network needs to work, and which losses take the
part down.

A part is, for example, a bucket or a region's shield machine, which is a cache. A part works if no loss has taken it
down and if, for each of its needs, at least one alternative works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A set of losses that the fault tree simulates. The name of each loss has the form `<kind>:<name>`. Examples are
# `zone:eu-west-1a`, `region:eu-west-1`, `cloud:aws`, `edge:cloudflare`, `dns:route53`, `store:Bucket eu-west-1`.
Losses = frozenset[str]


@dataclass(frozen=True)
class Need:
    """Something without which a part of a read path does not work. `what` describes this need, such as a shield (a
    regional cache). `alternatives` lists the parts that can meet the need. One working alternative is enough.
    """

    what: str
    alternatives: Sequence[Part]


@dataclass(frozen=True)
class Part:
    """A part of a client's read path, such as a bucket. `lost_with` has the names of the losses that take the part
    down, such as the loss of its region. `needs` lists what the part needs to work, such as a key to decrypt objects.
    """

    name: str
    lost_with: frozenset[str] = frozenset()
    needs: Sequence[Need] = ()


def broken(part: Part, lost: Losses) -> str | None:
    """Returns why a part of a read path fails after the losses `lost`, or None if the part works. A part fails if one
    of the losses takes it down, or if all alternatives for one of its needs fail.
    """
    hit = sorted(part.lost_with & lost)
    if hit:
        return f"{part.name} is lost with {', '.join(hit)}"
    for need in part.needs:
        reasons = [broken(one, lost) for one in need.alternatives]
        failed = [reason for reason in reasons if reason is not None]
        if len(failed) == len(reasons):
            return f"{part.name} has no {need.what}: {_summary_of(failed) or 'there is none'}"
    return None


def losses(part: Part) -> frozenset[str]:
    """Returns the names of all losses, such as the loss of a region, that can affect a part of a client's read path.
    These are the losses that take down the part itself, or any part that it needs directly or indirectly.
    """
    below = (losses(alternative) for need in part.needs for alternative in need.alternatives)
    return part.lost_with.union(*below)


def _summary_of(reasons: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(reasons))
    return "; ".join(distinct[:2]) + (f"; and {len(distinct) - 2} more" if len(distinct) > 2 else "")
