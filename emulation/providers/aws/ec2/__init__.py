"""Emulates how Pulumi's AWS provider manages the EC2 resources of a shield (a regional cache): its network, its
firewall, its machines and their addresses.
"""

from emulation.providers.aws.ec2 import firewall, machines, network
from emulation.providers.aws.ec2.lookups import Ami, AvailabilityZones, ElasticIp, IpRanges, ManagedPrefixList
from emulation.providers.handler import Handler

__all__ = ["Ami", "AvailabilityZones", "ElasticIp", "IpRanges", "ManagedPrefixList", "handlers"]


def handlers() -> list[Handler]:
    """Returns the handlers with which the emulated Pulumi provider serves the EC2 resource types of the project."""
    return [*network.handlers(), *firewall.handlers(), *machines.handlers()]
