"""Route 53's routing policies: pure functions that choose the record sets for a client.

The rules are those of the Route 53 Developer Guide, "Choosing a routing policy" and "How Amazon Route 53 chooses
records when health checking is configured". Distance takes the place of latency, which this sandbox cannot measure.
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
    """Chooses the record sets to answer with from `group`, all record sets of one name and type.

    The result is empty only when no geolocation record matches the client. All record sets of a group have the same
    policy, as Route 53 requires.
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
    """Returns whether clients in different places can get different answers (the scope of RFC 7871)."""
    return isinstance(group[0].policy, Latency | Geolocation)


def _usable(group: Sequence[RecordSet], healthy: Healthy) -> list[RecordSet]:
    """Returns the healthy record sets, or all record sets when none is healthy."""
    return [record for record in group if healthy(record)] or list(group)


def _weighted(group: Sequence[RecordSet], healthy: Healthy, random: Random) -> RecordSet:
    """Chooses a healthy record set at random by weight.

    Record sets of weight 0 are candidates only when no weighted one is healthy; their chances are then equal.
    """
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
    """Returns the healthy record set of the most precise match: country, continent, then default.

    When none is healthy, returns the most precise match. Client locations have no subdivision, so records for a
    subdivision match none of them.
    """
    places = (Geolocation(country=client.country), Geolocation(continent=client.continent), Geolocation(country="*"))
    fitting = [record for place in places for record in group if record.policy == place]
    return _usable(fitting, healthy)[:1]


def _failover(group: Sequence[RecordSet], healthy: Healthy) -> RecordSet:
    """Returns the primary record set, unless only the secondary one is healthy."""
    primary_first = sorted(group, key=lambda record: record.policy != Failover(primary=True))
    return _usable(primary_first, healthy)[0]
