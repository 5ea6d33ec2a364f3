"""Chooses the record sets of a DNS answer as Route 53's routing policies do. The functions have no side effects.

The rules come from the Route 53 Developer Guide: "Choosing a routing policy", "How Amazon Route 53 chooses records when
health checking is configured", and "Geoproximity routing" (the formula of the bias). Latency routing chooses the
nearest region, because the sandbox cannot measure latency.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from contract.regions import REGIONS, distance
from emulation.dns.records import Failover, Geolocation, Geoproximity, Latency, Multivalue, RecordSet, Weighted
from emulation.layout import ClientLocation

_MULTIVALUE_ANSWERS = 8

Healthy = Callable[[RecordSet], bool]


def choose(group: Sequence[RecordSet], client: ClientLocation, healthy: Healthy, random: Random) -> list[RecordSet]:
    """Chooses the record sets of one DNS answer from `group`, which contains all record sets of one name and type.

    The result is empty only when no geolocation record matches the client. Route 53 requires that all record sets of a
    group have one routing policy.
    """
    match group[0].policy:
        case Weighted():
            return [_weighted(group, healthy, random)]
        case Latency():
            return [min(_usable(group, healthy), key=lambda record: _kilometres(record, client))]
        case Geolocation():
            return _geolocation(group, client, healthy)
        case Geoproximity():
            return [min(_usable(group, healthy), key=lambda record: _biased_kilometres(record, client))]
        case Failover():
            return [_failover(group, healthy)]
        case Multivalue():
            usable = _usable(group, healthy)
            return random.sample(usable, min(len(usable), _MULTIVALUE_ANSWERS))
        case _:
            return list(group)


def depends_on_place(group: Sequence[RecordSet]) -> bool:
    """Returns whether clients at different locations can get different DNS answers from the given record sets. An
    answer that depends on the client's location is valid only for the client's subnet (RFC 7871).
    """
    return isinstance(group[0].policy, Latency | Geolocation | Geoproximity)


def _usable(group: Sequence[RecordSet], healthy: Healthy) -> list[RecordSet]:
    """Returns the given DNS record sets that are healthy. If no record set is healthy, returns all of them, as Route 53
    does.
    """
    return [record for record in group if healthy(record)] or list(group)


def _weighted(group: Sequence[RecordSet], healthy: Healthy, random: Random) -> RecordSet:
    """Chooses one healthy record set at random, as Route 53's weighted routing does: the probability is proportional to
    the weight.

    A record set of weight 0 is chosen only when no record set with another weight is healthy. All record sets of weight
    0 are then equally likely.
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


def _biased_kilometres(record: RecordSet, client: ClientLocation) -> tuple[float, str]:
    """Returns the distance between a geoproximity record and a client, changed by the record's bias. If two records are
    equally far away, their set identifiers decide, because Route 53 documents no rule for this case.
    """
    place = record.policy
    if not isinstance(place, Geoproximity):
        raise TypeError(f"{record.name}: {record.identifier} is no geoproximity record")
    return distance(place, client) * (1 - place.bias / 100), record.identifier


def _geolocation(group: Sequence[RecordSet], client: ClientLocation, healthy: Healthy) -> list[RecordSet]:
    """Chooses a record set as Route 53's geolocation routing does. The search begins with the smallest area: the
    client's state of the US. The country, the continent and the default record set follow. Returns the first healthy
    record set that matches the client.

    If no matching record set is healthy, returns the first matching one, which is for the smallest area.
    """
    places = (
        Geolocation(country=client.country, subdivision=client.state),
        Geolocation(country=client.country),
        Geolocation(continent=client.continent),
        Geolocation(country="*"),
    )
    fitting = [record for place in dict.fromkeys(places) for record in group if record.policy == place]
    return _usable(fitting, healthy)[:1]


def _failover(group: Sequence[RecordSet], healthy: Healthy) -> RecordSet:
    """Chooses a record set as Route 53's failover routing does: the secondary record set if only the secondary one is
    healthy, and otherwise the primary one.
    """
    primary_first = sorted(group, key=lambda record: record.policy != Failover(primary=True))
    return _usable(primary_first, healthy)[0]
