"""Estimates what an idle stack costs per month, and lists the resources that are also charged by use.

The estimate uses list prices of one day (`prices.toml` gives the date) and 730 hours a month, without free tiers and
discounts. Charges by use (storage, requests, traffic) are listed with their prices and not estimated.
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
    """A cloud resource whose cost is estimated: its Pulumi type, its URN, and its inputs under Pulumi's names."""

    type: str
    urn: str
    properties: Mapping[str, Any]

    @property
    def tier(self) -> str:
        """The part of the stack that the resource belongs to, such as `shield`. The tier comes from the type of the
        innermost component around the resource: `shield` for `artifact-edge:shield:Ec2Shield`. A resource outside all
        components is in the tier `stack`.
        """
        chain = self.urn.split("::")[2].split("$")
        return chain[-2].split(":")[1] if len(chain) > 1 and ":" in chain[-2] else "stack"

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class Line:
    """One monthly charge for a cloud resource. `item` describes the charge, and `monthly` is in US dollars."""

    resource: Resource
    item: str
    monthly: float


@dataclass(frozen=True)
class Estimate:
    """The cost estimate of a stack. `metered` and `free` map the type of a Pulumi resource to the number of resources
    of this type. `metered` has the types that the cloud charges by use, and `free` the types that cost nothing. `total`
    does not include charges by use.
    """

    lines: list[Line]
    metered: Mapping[str, int] = field(default_factory=dict[str, int])
    free: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def total(self) -> float:
        """The sum of all charges of the stack, in US dollars a month."""
        return sum(line.monthly for line in self.lines)

    def by_tier(self) -> dict[str, float]:
        """Returns the cost of each tier in US dollars a month. A tier is a part of the stack, such as `shield`. The
        largest cost comes first.
        """
        tiers: defaultdict[str, float] = defaultdict(float)
        for line in self.lines:
            tiers[line.resource.tier] += line.monthly
        return dict(sorted(tiers.items(), key=lambda tier: (-tier[1], tier[0])))


def estimate(resources: Iterable[Resource], prices: Prices | None = None) -> Estimate:
    """Returns the cost estimate for all resources of a stack. The function ignores Pulumi's components and providers,
    because they are not cloud resources.

    Raises PriceMissing, whose message lists every type, region and machine without a price in the table. The function
    never treats an unknown resource as free.
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
