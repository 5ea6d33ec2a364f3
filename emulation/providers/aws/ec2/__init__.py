"""EC2: the network of a shield, its firewall, its machines and their addresses."""

from emulation.providers.aws.ec2 import firewall, machines, network
from emulation.providers.aws.ec2.lookups import Ami, AvailabilityZones, IpRanges, ManagedPrefixList
from emulation.providers.handler import Handler

__all__ = ["Ami", "AvailabilityZones", "IpRanges", "ManagedPrefixList", "handlers"]


def handlers() -> list[Handler]:
    """Returns one handler for each resource type."""
    return [*network.handlers(), *firewall.handlers(), *machines.handlers()]
