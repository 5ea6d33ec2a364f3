"""Chooses the endpoint for a connection, as Global Accelerator does. The functions have no side effects.

Sources of the rules: Global Accelerator Developer Guide, "Adjusting traffic flow with traffic dials", "How endpoint
weights work to manage traffic volume" and "How failover works for unhealthy endpoints". The sandbox cannot measure
latency, so the nearest endpoint group is the group whose region has the shortest distance to the client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from contract.regions import REGIONS, distance
from emulation.accelerators.configuration import Endpoint, EndpointGroup
from emulation.layout import ClientLocation

# If the first endpoint group has no healthy endpoint, Global Accelerator tries at most this many other endpoint groups.
_FAILOVER_GROUPS = 3


def choose(
    groups: Sequence[EndpointGroup], client: ClientLocation, healthy: Callable[[Endpoint], bool], random: Random
) -> Endpoint | None:
    """Chooses the endpoint for a connection of a client. Returns None if no endpoint group has an endpoint.

    The traffic dials choose the first endpoint group to search for a healthy endpoint. If this group has no healthy
    endpoint, the function searches the three other groups nearest to the client. The dials have no effect on this
    second search. If no searched group has a healthy endpoint, the function returns a random endpoint of the nearest
    endpoint group.
    """
    nearest_first = sorted(
        (group for group in groups if group.endpoints),
        key=lambda group: (distance(REGIONS[group.region], client), group.region),
    )
    if not nearest_first:
        return None
    original = _original(nearest_first, random)
    others = [group for group in nearest_first if group is not original]
    for group in (original, *others[:_FAILOVER_GROUPS]):
        usable = [each for each in group.endpoints if each.weight > 0 and healthy(each)]
        if usable:
            return random.choices(usable, [each.weight for each in usable])[0]
    return random.choice(nearest_first[0].endpoints)


def _original(nearest_first: Sequence[EndpointGroup], random: Random) -> EndpointGroup:
    """Chooses the endpoint group for a connection by the traffic dials. The choice does not depend on the health of the
    endpoints.

    Connections reach the nearest endpoint group first. A group's dial is the percentage of connections that the group
    accepts. The other connections go to the next group. The last group with a dial above 0 accepts all connections that
    reach it. Two groups with the dial 50 therefore serve all connections, as in the example of the Global Accelerator
    guide.
    """
    dialed = [group for group in nearest_first if group.dial > 0] or list(nearest_first[:1])
    accepting = (group for group in dialed[:-1] if random.random() * 100 < group.dial)
    return next(accepting, dialed[-1])
