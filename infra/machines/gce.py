"""Creates machines with Ubuntu on Compute Engine, and the firewall rules that admit connections to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_gcp as gcp

from infra.machines.serving import ServingReports, before_the_next_is_replaced
from infra.machines.user_data import Architecture
from infra.network import Network

# Canonical's images of Ubuntu have cloud-init, which applies the user data. Google's images of Debian do not have it.
_IMAGES = {"amd64": "ubuntu-os-cloud/ubuntu-2404-lts-amd64", "arm64": "ubuntu-os-cloud/ubuntu-2404-lts-arm64"}
# _ARM lists the machine series with ARM processors. _HYPERDISK lists the machine series that boot only from Hyperdisk
# (Compute Engine, "Choose a disk type").
_ARM = ("c4a-",)
_HYPERDISK = ("c4-", "c4a-", "c4d-")
_ROOT_GIB = 16
# Machine series whose `-lssd` types include local disks (Compute Engine, "About Local SSD disks").
_BUILT_IN_DISKS = ("c3-", "c3d-", "c4-", "c4a-", "c4d-", "z3-")

# A change of these inputs needs a new machine. cloud-init applies user data, which is in `metadata`, only at the first
# boot. Compute Engine changes the other inputs only while a machine is stopped, which Pulumi's provider refuses.
_REPLACED_FOR = ["metadata", "machine_type", "service_account", "shielded_instance_config"]


@dataclass(frozen=True)
class MachineArgs:
    """Arguments of one machine on Compute Engine.

    `machine_type` is a machine type with local NVMe disks. `number` is the machine's number in its region. This number
    decides in which zone the machine is. `address` is the machine's fixed address. `identity` is the email of a service
    account. The resources in `after` must exist before the machine boots. `private_address` is the machine's address in
    its subnet. If it is None, Compute Engine chooses one.
    """

    prefix: str
    region: str
    machine_type: str
    number: int
    network: Network
    address: pulumi.Input[str]
    identity: pulumi.Input[str]
    user_data: pulumi.Input[str]
    after: Sequence[pulumi.Input[pulumi.Resource]]
    private_address: str | None = None


@dataclass(frozen=True)
class Admission:
    """A firewall rule that admits the networks `sources` to the TCP port `port` of all machines in a network.

    `name` is the name of the rule on Google Cloud. The name of the Pulumi resource is `resource`.
    """

    resource: str
    name: str
    port: int
    sources: pulumi.Input[Sequence[str]]


def architecture(machine_type: str) -> Architecture:
    """Returns Debian's name for the processor architecture of a machine type: `arm64` or `amd64`."""
    return "arm64" if machine_type.startswith(_ARM) else "amd64"


def zone(region: str, number: int) -> str:
    """Returns the zone of a region's machine. The machines alternate between zones b and c, the only zones that every
    region has.
    """
    return f"{region}-{'bc'[number % 2]}"


def health_checkers(parent: pulumi.Resource) -> pulumi.Output[Sequence[str]]:
    """Returns the networks of Route 53's health checkers. A firewall rule on Google Cloud must list these networks,
    because Google Cloud has no managed list of them.
    """
    return aws.get_ip_ranges_output(
        services=["route53_healthchecks"], opts=pulumi.InvokeOutputOptions(parent=parent)
    ).cidr_blocks


def admit(admission: Admission, network: Network, parent: pulumi.Resource) -> gcp.compute.Firewall:
    """Creates a firewall rule on Google Cloud. Without a rule, a VPC admits no traffic."""
    return gcp.compute.Firewall(
        admission.resource,
        name=admission.name,
        network=network.network_id,
        direction="INGRESS",
        allows=[{"protocol": "tcp", "ports": [str(admission.port)]}],
        source_ranges=admission.sources,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def create_machine(name: str, args: MachineArgs, parent: pulumi.Resource) -> gcp.compute.Instance:
    """Creates a Shielded VM with a fixed address.

    A new machine cannot take the address while the old machine has it. Pulumi therefore deletes the old machine first
    (docs/decisions/google-shield-addresses.md).
    """
    built_in = args.machine_type.startswith(_BUILT_IN_DISKS)
    return gcp.compute.Instance(
        name,
        name=f"{args.prefix}-{name}",
        zone=zone(args.region, args.number),
        machine_type=args.machine_type,
        boot_disk={"initialize_params": boot_disk(args.machine_type)},
        scratch_disks=None if built_in else [{"interface": "NVME"}],
        network_interfaces=[
            {
                "subnetwork": args.network.subnet_ids[0],
                "access_configs": [{"nat_ip": args.address}],
                "network_ip": args.private_address,
            }
        ],
        service_account={"email": args.identity, "scopes": ["cloud-platform"]},
        shielded_instance_config={
            "enable_secure_boot": True,
            "enable_vtpm": True,
            "enable_integrity_monitoring": True,
        },
        metadata={"user-data": args.user_data, "block-project-ssh-keys": "true", "serial-port-enable": "false"},
        opts=pulumi.ResourceOptions(
            parent=parent, depends_on=args.after, replace_on_changes=_REPLACED_FOR, delete_before_replace=True
        ),
    )


def when_it_serves(
    reports: ServingReports, node: str, machine: gcp.compute.Instance, next_node: str
) -> pulumi.Output[pulumi.Resource]:
    """Returns an output that resolves to `machine` when the machine `node` serves requests. The next machine of the
    region depends on this output, so Pulumi replaces it only then.

    On Compute Engine, a new machine cannot take an address while the old machine has the address. Each machine is
    therefore down during its replacement (docs/decisions/google-shield-addresses.md).
    """
    served = before_the_next_is_replaced(reports, node, machine.instance_id, next_node)
    return served.apply(lambda _: machine)


def boot_disk(machine_type: str) -> gcp.compute.InstanceBootDiskInitializeParamsArgsDict:
    """Returns the image, the size and the type of the boot disk of a machine type. The type is set because Compute
    Engine would otherwise create a disk of type pd-standard. Newer machine series do not support this type.
    """
    return {
        "image": _IMAGES[architecture(machine_type)],
        "size": _ROOT_GIB,
        "type": "hyperdisk-balanced" if machine_type.startswith(_HYPERDISK) else "pd-balanced",
    }
