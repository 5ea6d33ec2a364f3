"""Creates the PoPs of a stack on machines of our own: in each region a network, addresses and machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from contract.pops import GOOGLE_FRONT_ENDS, certificate_parameter
from contract.regions import REGIONS, nearest_first
from contract.secrets import POP_SECRETS
from contract.shields import EDGE_PORT
from infra.dns.pops import PopDns, PopDnsArgs
from infra.dns.route53 import Dns
from infra.edge import ShieldNode
from infra.exclusive import keep_only
from infra.iam import role_arn
from infra.identity import GcpIdentityArgs
from infra.identity.gcp import GcpIdentity
from infra.identity.pop import PopIdentity, PopIdentityArgs
from infra.machines import ec2, gce
from infra.machines.certificate import MachineCertificateArgs
from infra.machines.user_data import compressed
from infra.metadata import Metadata
from infra.network import Network, NetworkArgs
from infra.network.aws import AwsNetwork
from infra.network.gcp import GcpNetwork
from infra.pop import (
    AcceleratedPop,
    AcceleratorArgs,
    AcceleratorEntry,
    BalancerEntry,
    Place,
    PopAddressesArgs,
    PopArgs,
    PopNode,
    PopSettings,
    Sources,
)
from infra.pop.accelerator import Accelerator
from infra.pop.certificate import PopCertificate
from infra.pop.ec2 import Ec2Pop, PopAddresses
from infra.pop.gce import GcePop, GcePopAddresses
from infra.pop.google_balancer import BalancedPop, GoogleBalancer, GoogleBalancerArgs
from infra.pop.release import EdgeRelease, EdgeReleaseArgs
from infra.pop.user_data import render_user_data
from infra.shield import Node, host
from stacks.config import Stack
from stacks.config.sections import Pop
from stacks.config.waf import waf_args
from stacks.identities import MachineIdentities, serving_reports
from stacks.serverless import MetadataApi
from stacks.storage import Objects

# An example of the URL of a Lambda function. It has the length of a real URL. The user data of a PoP machine contains
# such a URL, and Pulumi checks the size of the user data before Lambda assigns the real URL.
_EXAMPLE_URL = f"https://{'a1b2c3d4' * 4}.lambda-url.{{region}}.on.aws/"
# An example of the ID of an AWS account, which the user data of a PoP machine on Google Cloud contains.
_EXAMPLE_ACCOUNT = "0" * 12

ADDRESSES = {"aws": PopAddresses, "gcp": GcePopAddresses}
ARCHITECTURE = {"aws": ec2.architecture, "gcp": gce.architecture}


def create_pop_addresses(stack: Stack) -> Sequence[PopNode]:
    """Creates the IP addresses of all PoP machines. The firewalls of the shields (regional caches) admit these
    addresses.
    """
    return [
        node
        for pop in stack.config.pops
        for node in ADDRESSES[pop.cloud](
            f"pop-addresses-{pop.region}", PopAddressesArgs(stack.prefix, pop.region, pop.nodes)
        ).nodes
    ]


def create_pops(
    stack: Stack,
    bundle: str,
    nodes: Sequence[PopNode],
    shields: Sequence[Node],
    objects: Objects,
    metadata: Metadata,
    metadata_api: MetadataApi,
    dns: Dns,
) -> PopDns:
    """Creates the PoP machines of every region, their role, their certificate and their names in DNS."""
    identities = _create_identities(stack, metadata)
    _create_certificate(stack, identities.aws, dns)
    release = EdgeRelease(
        "edge-worker",
        EdgeReleaseArgs(bundle, objects.primary),
        pulumi.ResourceOptions(depends_on=[objects.blobs]),
    )
    accelerated: list[AcceleratedPop] = []
    balanced: list[BalancedPop] = []
    for pop in stack.config.pops:
        pop_nodes = [node for node in nodes if node.region == pop.region]
        user_data = UserData(stack, pop, shields, metadata_api, identities.aws.role_arn)
        args = PopArgs(
            prefix=stack.prefix,
            region=pop.region,
            machine_type=pop.machine_type,
            nodes=pop_nodes,
            network=_create_network(stack, pop),
            identity=identities.of_machines_on(pop.cloud),
            user_data={node.name: user_data.of(node) for node in pop_nodes},
            serving=serving_reports(stack),
            shield_addresses=[node.address for node in shields],
            boots_after=[identities.aws, release],
        )
        if pop.cloud == "gcp":
            machines = GcePop(f"pop-{pop.region}", args).machines
            balanced.append(BalancedPop(pop.region, args.network, machines, drained=pop.traffic_dial == 0))
        else:
            instances = Ec2Pop(f"pop-{pop.region}", args).instances
            accelerated.append(AcceleratedPop(pop.region, instances, pop.traffic_dial))
    names = PopDnsArgs(
        zone_id=dns.zone_id,
        zone_name=stack.config.domain,
        hostname=stack.hostname,
        nodes=nodes,
        weight=stack.config.pops_percent,
        after=[dns],
        accelerator=_create_accelerator(stack, accelerated),
        balancer=_create_balancer(stack, balanced),
        routing=stack.config.pops_routing,
        biases={pop.region: pop.bias for pop in stack.config.pops},
    )
    return PopDns("dns-pops", names)


def _create_accelerator(stack: Stack, pops: Sequence[AcceleratedPop]) -> AcceleratorEntry | None:
    """Creates the accelerator in front of the PoPs. Returns None if the config says that clients do not connect to the
    PoPs through an accelerator.
    """
    if stack.config.pops_reached_by != "global-accelerator":
        return None
    return Accelerator("accelerator", AcceleratorArgs(stack.prefix, pops)).entry


def _create_balancer(stack: Stack, pops: Sequence[BalancedPop]) -> BalancerEntry | None:
    """Creates Google's load balancer in front of the PoPs. Returns None if the config says that clients do not connect
    to the PoPs through it.
    """
    if stack.config.pops_reached_by != "google-load-balancer":
        return None
    return BalancerEntry(GoogleBalancer("balancer", GoogleBalancerArgs(stack.prefix, stack.hostname, pops)).address)


def _create_network(stack: Stack, pop: Pop) -> Network:
    """Creates the network of a PoP. On Google Cloud, a network's name is unique in the project. A shield (a regional
    cache) in the same region has a network of its own.
    """
    name = f"network-pop-{pop.region}"
    if pop.cloud == "gcp":
        return GcpNetwork(name, NetworkArgs(pop.region, f"{stack.prefix}-pop"))
    return AwsNetwork(name, NetworkArgs(pop.region, stack.prefix))


def _create_identities(stack: Stack, metadata: Metadata) -> MachineIdentities[PopIdentity]:
    account = GcpIdentityArgs(stack.prefix, "pop", "PoP machines: assume their role on AWS")
    on_google = any(pop.cloud == "gcp" for pop in stack.config.pops)
    gcp = GcpIdentity("identity-pops-gcp", account) if on_google else None
    args = PopIdentityArgs(
        prefix=stack.prefix,
        secret_ids=[stack.secret(name) for name in POP_SECRETS],
        secret_regions=stack.pop_secret_regions,
        table=metadata.table,
        table_regions=stack.config.metadata.regions,
        serving=serving_reports(stack),
        gcp_service_accounts=[gcp.unique_id] if gcp else [],
    )
    return MachineIdentities(PopIdentity("identity-pops", args), gcp)


def _create_certificate(stack: Stack, identity: PopIdentity, dns: Dns) -> None:
    """Creates the certificates that PoP machines present to clients. The certificates are for the hostname that clients
    connect to.

    Also declares all policies of the machines' IAM role. Pulumi then removes every other policy from this role.
    """
    args = MachineCertificateArgs(
        zone_id=dns.zone_id,
        domain_name=stack.hostname,
        # A PoP can export its certificate in its own region and in the home region. It reads its secrets in the same
        # regions.
        regions=stack.pop_secret_regions,
        parameter=certificate_parameter(stack.environment),
        description="ARN of the certificate that PoP machines present to clients",
        role=identity.role_name,
    )
    certificate = PopCertificate("pop-certificate", args)
    keep_only("pop", identity.role_name, [identity.policy, certificate.policy], certificate)


@dataclass(frozen=True)
class UserData:
    """Renders the user data of the machines of one PoP. `role_arn` is the ARN of the machines' role on AWS."""

    stack: Stack
    pop: Pop
    shields: Sequence[Node]
    metadata_api: MetadataApi
    role_arn: pulumi.Output[str]

    def of(self, node: PopNode) -> pulumi.Output[str]:
        """Returns the user data of a machine in the form that its cloud accepts. Also checks the size of the user data
        before the program knows all values in it.
        """
        example = _EXAMPLE_URL.format(region=self.stack.home_region)
        self._rendered(node, example, role_arn(_EXAMPLE_ACCOUNT, f"{self.stack.prefix}-pop"))
        given = pulumi.Output.all(self.metadata_api.binding.url, self.role_arn)
        rendered = given.apply(lambda known: self._rendered(node, known[0], known[1]))
        return rendered if self.pop.cloud == "gcp" else rendered.apply(compressed)

    def _rendered(self, node: PopNode, metadata_api: str, role: str) -> str:
        return render_user_data(self._settings(node, metadata_api, role), self.pop.region)

    def _settings(self, node: PopNode, metadata_api: str, role: str) -> PopSettings:
        stack, pop, config = self.stack, self.pop, self.stack.config
        region = REGIONS[pop.region]
        return PopSettings(
            environment=stack.environment,
            hostname=stack.hostname,
            shields=[ShieldNode(f"{host(node, config.domain)}:{EDGE_PORT}", node.region) for node in self.shields],
            place=Place(region.latitude, region.longitude),
            sources=self._sources(role),
            serving_parameter=serving_reports(stack).parameter(node.name),
            metadata_api=metadata_api,
            cloud=pop.cloud,
            reserved_python_names=config.edge.reserved_python_names,
            architecture=ARCHITECTURE[pop.cloud](pop.machine_type),
            waf=waf_args(config.waf),
            # Machines on Google Cloud have this port also without a load balancer, so the setting `pops_reached_by`
            # replaces no machine. Only the firewall rule of the load balancer admits anyone to the port.
            front_ends=GOOGLE_FRONT_ENDS if pop.cloud == "gcp" else (),
        )

    def _sources(self, role: str) -> Sources:
        stack, pop = self.stack, self.pop
        # A PoP on AWS reads its secrets and its certificate in its own region and in the home region. The list does not
        # have the regions of other PoPs. Otherwise a new PoP would change the user data of every machine.
        on_google = pop.cloud == "gcp"
        regions = stack.google_pop_secret_regions if on_google else [pop.region, stack.home_region]
        return Sources(
            edge_secret=stack.secret("edge"),
            metadata_api_secret=stack.secret("metadata-api"),
            purge_secret=stack.secret("purge-signing"),
            regions=nearest_first(pop.region, dict.fromkeys(regions)),
            home_region=stack.home_region,
            certificate_parameter=certificate_parameter(stack.environment),
            table=f"{stack.prefix}-metadata",
            table_regions=nearest_first(pop.region, dict.fromkeys(stack.config.metadata.regions)),
            assumed_role=role if on_google else "",
        )
