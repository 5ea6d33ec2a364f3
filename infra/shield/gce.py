"""Creates the shield machines (regional caches) of one region on Compute Engine."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws
import pulumi_gcp as gcp

from contract.shields import EDGE_PORT, HEALTH_PORT
from infra.machines.serving import before_the_next_is_replaced
from infra.shield import Node, ShieldArgs, node_names
from infra.shield.user_data import render_user_data

# Canonical's images of Ubuntu have cloud-init, which applies the user data. Google's images of Debian do not have it.
_IMAGES = {"amd64": "ubuntu-os-cloud/ubuntu-2404-lts-amd64", "arm64": "ubuntu-os-cloud/ubuntu-2404-lts-arm64"}
# _ARM lists the machine series with ARM processors. _HYPERDISK lists the machine series that boot only from Hyperdisk
# (Compute Engine, "Choose a disk type").
_ARM = ("c4a-",)
_HYPERDISK = ("c4-", "c4a-", "c4d-")
_ROOT_GIB = 16
# Machine series whose `-lssd` types include local disks (Compute Engine, "About Local SSD disks").
_BUILT_IN_DISKS = ("c3-", "c3d-", "c4-", "c4a-", "c4d-", "z3-")


class GceShield(pulumi.ComponentResource):
    """Shield machines (regional caches) as Shielded VMs on Compute Engine, each with a fixed address. Only the edge and
    Route 53's health checkers can connect.
    """

    nodes: Sequence[Node]

    def __init__(self, name: str, args: ShieldArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:shield:GceShield", name, None, opts)
        self._args = args
        self._let_in("edge", EDGE_PORT, args.edge_addresses)
        self._let_in("health", HEALTH_PORT, self._health_checkers())
        nodes: list[Node] = []
        before: gcp.compute.Instance | None = None
        for number, node in enumerate(node_names(args.region, args.nodes)):
            address = gcp.compute.Address(
                node, name=f"{args.prefix}-{node}", region=args.region, opts=pulumi.ResourceOptions(parent=self)
            )
            before = self._machine(node, number, address, self._after(nodes[-1].name, before, node) if before else None)
            nodes.append(Node(node, args.region, "gcp", address.address))
        self.nodes = nodes
        self.register_outputs({"addresses": {node.name: node.address for node in self.nodes}})

    def _health_checkers(self) -> pulumi.Output[Sequence[str]]:
        """Returns the networks of Route 53's health checkers. A firewall rule on Google Cloud must list these networks,
        because Google Cloud has no managed list of them.
        """
        return aws.get_ip_ranges_output(
            services=["route53_healthchecks"], opts=pulumi.InvokeOutputOptions(parent=self)
        ).cidr_blocks

    def _let_in(self, who: str, port: int, networks: pulumi.Input[Sequence[str]]) -> None:
        """Creates the Google Cloud firewall rule that admits `networks` to a port. Without a rule, a VPC admits no
        traffic.
        """
        name = f"{self._args.region}-{who}"
        gcp.compute.Firewall(
            name,
            name=f"{self._args.prefix}-{name}",
            network=self._args.network.network_id,
            direction="INGRESS",
            allows=[{"protocol": "tcp", "ports": [str(port)]}],
            source_ranges=networks,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _after(self, node: str, machine: gcp.compute.Instance, next_node: str) -> pulumi.Output[pulumi.Resource]:
        """Returns an output that resolves to `machine` when the machine serves requests. The next machine of the region
        depends on this output, so Pulumi replaces it only then.

        On Compute Engine, a new machine cannot take an address while the old machine has the address. Each machine is
        therefore down during its replacement (docs/decisions/google-shield-addresses.md).
        """
        served = before_the_next_is_replaced(self._args.boot.serving, node, machine.instance_id, next_node)
        return served.apply(lambda _: machine)

    def _machine(
        self,
        node: str,
        number: int,
        address: gcp.compute.Address,
        before: pulumi.Output[pulumi.Resource] | None,
    ) -> gcp.compute.Instance:
        """Creates a machine with a fixed address. If an update replaces both this machine and the machine `before`,
        Pulumi replaces `before` first.
        """
        args = self._args
        name = f"{args.prefix}-{node}"
        user_data = pulumi.Output.from_input(args.role_arn).apply(
            lambda role_arn: render_user_data(args.boot, node, args.region, "gcp", role_arn)
        )
        built_in = args.machine_type.startswith(_BUILT_IN_DISKS)
        return gcp.compute.Instance(
            node,
            name=name,
            # shield machines (regional caches) alternate between zones b and c, the only zones that every region has
            zone=f"{args.region}-{'bc'[number % 2]}",
            machine_type=args.machine_type,
            boot_disk={"initialize_params": boot_disk(args.machine_type)},
            scratch_disks=None if built_in else [{"interface": "NVME"}],
            network_interfaces=[
                {"subnetwork": args.network.subnet_ids[0], "access_configs": [{"nat_ip": address.address}]}
            ],
            service_account={"email": args.identity, "scopes": ["cloud-platform"]},
            shielded_instance_config={
                "enable_secure_boot": True,
                "enable_vtpm": True,
                "enable_integrity_monitoring": True,
            },
            metadata={"user-data": user_data, "block-project-ssh-keys": "true", "serial-port-enable": "false"},
            # cloud-init applies user data only at the first boot, so a change of user data needs a new machine.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.boots_after, *([before] if before else [])],
                replace_on_changes=["metadata"],
                delete_before_replace=True,
            ),
        )


def boot_disk(machine_type: str) -> gcp.compute.InstanceBootDiskInitializeParamsArgsDict:
    """Returns the image, the size and the type of the boot disk of a machine type. The type is set because Compute
    Engine would otherwise create a disk of type pd-standard. Newer machine series do not support this type.
    """
    return {
        "image": _IMAGES["arm64" if machine_type.startswith(_ARM) else "amd64"],
        "size": _ROOT_GIB,
        "type": "hyperdisk-balanced" if machine_type.startswith(_HYPERDISK) else "pd-balanced",
    }
