"""Route 53's routing policies: which record sets of a name and type a client gets. Pure functions.

The rules are those of the Route 53 Developer Guide, "Choosing a routing policy" and "How Amazon Route 53 chooses
records when health checking is configured". Latency is taken for distance: this sandbox has no measured latencies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from contract.regions import REGIONS, distance
from emulation.dns.records import Failover, Geolocation, Latency, Multivalue, RecordSet, Weighted
from emulation.layout import ClientLocation

_MULTIVALUE_ANSWERS = 8

Healthy = Callable[[RecordSet], bool]


def choose(group: Sequence[RecordSet], client: ClientLocation, healthy: Healthy, random: Random) -> list[RecordSet]:
    """The record sets to answer with, out of all that have the name and type in question.

    Empty only where geolocation has nothing for the client. All of a group have one policy, as Route 53 demands.
    """
    match group[0].policy:
        case Weighted():
            return [_weighted(group, healthy, random)]
        case Latency():
            return [min(_usable(group, healthy), key=lambda record: _kilometres(record, client))]
        case Geolocation():
            return _geolocation(group, client, healthy)
        case Failover():
            return [_failover(group, healthy)]
        case Multivalue():
            usable = _usable(group, healthy)
            return random.sample(usable, min(len(usable), _MULTIVALUE_ANSWERS))
        case _:
            return list(group)


def depends_on_place(group: Sequence[RecordSet]) -> bool:
    """Whether clients in different places may get different answers (the scope of RFC 7871)."""
    return isinstance(group[0].policy, Latency | Geolocation)


def _usable(group: Sequence[RecordSet], healthy: Healthy) -> list[RecordSet]:
    """The healthy ones; where none is, all count as healthy: any answer beats none."""
    return [record for record in group if healthy(record)] or list(group)


def _weighted(group: Sequence[RecordSet], healthy: Healthy, random: Random) -> RecordSet:
    """By weight. Those of weight 0 count only when no other is healthy, and then all alike."""
    weighty = [record for record in group if _weight(record) > 0]
    candidates = [record for record in weighty if healthy(record)] or [record for record in group if healthy(record)]
    candidates = candidates or weighty or list(group)
    weights = [_weight(record) for record in candidates]
    return random.choices(candidates, weights if any(weights) else None)[0]


def _weight(record: RecordSet) -> int:
    return record.policy.weight if isinstance(record.policy, Weighted) else 0


def _kilometres(record: RecordSet, client: ClientLocation) -> tuple[float, str]:
    region = record.policy.region if isinstance(record.policy, Latency) else ""
    return distance(REGIONS[region], client), region


def _geolocation(group: Sequence[RecordSet], client: ClientLocation, healthy: Healthy) -> list[RecordSet]:
    """The most precise place that is healthy: country, continent, everybody. Where none is, the most precise one.

    Client locations have no subdivision, so records for a subdivision are for none of them.
    """
    places = (Geolocation(country=client.country), Geolocation(continent=client.continent), Geolocation(country="*"))
    fitting = [record for place in places for record in group if record.policy == place]
    return _usable(fitting, healthy)[:1]


def _failover(group: Sequence[RecordSet], healthy: Healthy) -> RecordSet:
    """The primary, unless only the secondary is healthy."""
    primary_first = sorted(group, key=lambda record: record.policy != Failover(primary=True))
    return _usable(primary_first, healthy)[0]
