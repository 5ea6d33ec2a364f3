"""Corrects how moto 5.2 moves an Elastic IP address between EC2 instances.

On EC2, an address that moves to a second instance leaves the first instance. The first instance gets a new public
address if its subnet or its launch request assigns one (EC2 API Reference, "AssociateAddress"; EC2 User Guide, "Elastic
IP addresses"). moto shows the moved address at both instances.

On EC2, the termination of an instance ends the association of its address (EC2 API Reference, "TerminateInstances").
moto keeps the association. On EC2, an instance that stops and starts again keeps its Elastic IP address (EC2 User
Guide, "How EC2 instance stop and start works"). moto gives the instance another address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.instances import Instance

_ORIGINAL: dict[str, Any] = {
    "associate_address": ElasticAddressBackend.associate_address,
    "start": Instance.start,
    "stop": Instance.stop,
    "terminate": Instance.terminate,
}


def patches() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    """Yields each method of moto that the emulation replaces: the class, the method's name, and the new method."""
    yield ElasticAddressBackend, "associate_address", _associate_address
    yield Instance, "start", _keeping_address("start")
    yield Instance, "stop", _keeping_address("stop")
    yield Instance, "terminate", _terminate


def patch_address_associations() -> None:
    for owner, name, method in patches():
        setattr(owner, name, method)


def _associate_address(
    backend: ElasticAddressBackend,
    instance: Any = None,
    eni: Any = None,
    address: str | None = None,
    allocation_id: str | None = None,
    reassociate: bool = False,
) -> Any:
    found = backend.address_by_allocation([allocation_id]) if allocation_id else []
    if reassociate and found and found[0].association_id and found[0].instance is not instance:
        backend.disassociate_address(association_id=found[0].association_id)
    return _ORIGINAL["associate_address"](backend, instance, eni, address, allocation_id, reassociate)


def _keeping_address(name: str) -> Callable[[Instance], Any]:
    """Returns a replacement for moto's method `name`, which starts or stops an EC2 instance. With the replacement, the
    instance keeps its Elastic IP address.
    """

    def changed(instance: Instance) -> Any:
        backend: Any = instance.ec2_backend
        fixed = {each.public_ip for each in backend.addresses if each.instance is instance and each.association_id}
        before = [(nic, nic.public_ip) for nic in cast("dict[Any, Any]", instance.nics).values()]
        state = _ORIGINAL[name](instance)
        for nic, address in before:
            if address in fixed:
                nic.public_ip = address
        return state

    return changed


def _terminate(instance: Instance) -> Any:
    backend: Any = instance.ec2_backend
    state = _ORIGINAL["terminate"](instance)
    for address in cast("list[Any]", backend.addresses):
        if address.instance is instance and address.association_id:
            backend.disassociate_address(association_id=address.association_id)
    return state
