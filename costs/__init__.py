"""What a stack costs a month while nobody uses it, and which of its resources are paid by use on top.

An estimate: list prices of one day (`prices.toml` says which), 730 hours a month, no free tiers, no discounts. What is
paid by use (storage, requests, traffic) is named with its price, and not guessed at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from costs.charges import charges_of
from costs.prices import PriceMissing, Prices, load

__all__ = ["Estimate", "Line", "PriceMissing", "Resource", "estimate"]


@dataclass(frozen=True)
class Resource:
    """A cloud resource: its Pulumi type, its URN, and its inputs by Pulumi's names."""

    type: str
    urn: str
    properties: Mapping[str, Any]

    @property
    def tier(self) -> str:
        """The innermost component around it: `shield` of `artifact-edge:shield:Ec2Shield`; `stack` outside of any."""
        chain = self.urn.split("::")[2].split("$")
        return chain[-2].split(":")[1] if len(chain) > 1 and ":" in chain[-2] else "stack"

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class Line:
    """What is paid for one resource: `item` in words, `monthly` in US dollars."""

    resource: Resource
    item: str
    monthly: float


@dataclass(frozen=True)
class Estimate:
    """Of a stack. `metered` and `free` count resources by type; `metered` ones cost by use, which is not in `total`."""

    lines: list[Line]
    metered: Mapping[str, int] = field(default_factory=dict[str, int])
    free: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def total(self) -> float:
        """US dollars a month."""
        return sum(line.monthly for line in self.lines)

    def by_tier(self) -> dict[str, float]:
        """US dollars a month by tier, the dearest first."""
        tiers: defaultdict[str, float] = defaultdict(float)
        for line in self.lines:
            tiers[line.resource.tier] += line.monthly
        return dict(sorted(tiers.items(), key=lambda tier: (-tier[1], tier[0])))


def estimate(resources: Iterable[Resource], prices: Prices | None = None) -> Estimate:
    """The estimate of all resources of a stack; components and providers are left out by themselves.

    Raises PriceMissing, which names every type, region and machine that the price table does not know: nothing is taken
    to be free because it is unknown.
    """
    table = prices or load()
    lines: list[Line] = []
    metered: Counter[str] = Counter()
    free: Counter[str] = Counter()
    missing: dict[str, None] = {}
    for resource in resources:
        if not _is_real(resource.type):
            continue
        metered.update([resource.type] if resource.type in table.metered else [])
        free.update([resource.type] if resource.type in table.free else [])
        try:
            charges = list(charges_of(resource.type, resource.properties, table))
        except PriceMissing as error:
            missing.update(dict.fromkeys(error.missing))
        else:
            lines += [Line(resource, item, monthly) for item, monthly in charges]
    if missing:
        raise PriceMissing(list(missing))
    return Estimate(lines, dict(metered), dict(free))


def _is_real(type_token: str) -> bool:
    return not type_token.startswith(("pulumi:", "artifact-edge:"))
