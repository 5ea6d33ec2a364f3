"""Creates the PoPs of a stack on machines of our own: in each region a network, addresses and machines."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from contract.pops import certificate_parameter
from contract.regions import REGIONS, nearest_first
from contract.secrets import POP_SECRETS
from contract.shields import EDGE_PORT
from infra.dns.pops import PopDns, PopDnsArgs
from infra.dns.route53 import Dns
from infra.edge import ShieldNode
from infra.exclusive import keep_only
from infra.identity.pop import PopIdentity, PopIdentityArgs
from infra.machines.certificate import MachineCertificateArgs
from infra.machines.ec2 import architecture
from infra.machines.user_data import compressed
from infra.metadata import Metadata
from infra.network import NetworkArgs
from infra.network.aws import AwsNetwork
from infra.pop import (
    AcceleratedPop,
    AcceleratorArgs,
    AcceleratorEntry,
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
from infra.pop.release import EdgeRelease, EdgeReleaseArgs
from infra.pop.user_data import render_user_data
from infra.shield import Node, host
from stacks.config import Stack
from stacks.config.sections import Pop
from stacks.config.waf import waf_args
from stacks.identities import serving_reports
from stacks.serverless import MetadataApi
from stacks.storage import Objects

# An example of the URL of a Lambda function. It has the length of a real URL. The user data of a PoP machine contains
# such a URL, and Pulumi checks the size of the user data before Lambda assigns the real URL.
_EXAMPLE_URL = f"https://{'a1b2c3d4' * 4}.lambda-url.{{region}}.on.aws/"


def create_pop_addresses(stack: Stack) -> Sequence[PopNode]:
    """Creates the IP addresses of all PoP machines. The firewalls of the shields (regional caches) admit these
    addresses.
    """
    return [
        node
        for pop in stack.config.pops
        for node in PopAddresses(
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
    identity = _create_identity(stack, metadata)
    _create_certificate(stack, identity, dns)
    release = EdgeRelease(
        "edge-worker",
        EdgeReleaseArgs(bundle, objects.primary),
        pulumi.ResourceOptions(depends_on=[objects.blobs]),
    )
    accelerated: list[AcceleratedPop] = []
    for pop in stack.config.pops:
        pop_nodes = [node for node in nodes if node.region == pop.region]
        for node in pop_nodes:
            example = _EXAMPLE_URL.format(region=stack.home_region)
            render_user_data(_settings(stack, pop, node, shields, example), pop.region)
        args = PopArgs(
            prefix=stack.prefix,
            region=pop.region,
            machine_type=pop.machine_type,
            nodes=pop_nodes,
            network=AwsNetwork(f"network-pop-{pop.region}", NetworkArgs(pop.region, stack.prefix)),
            identity=identity.instance_profile,
            user_data={node.name: _user_data(stack, pop, node, shields, metadata_api) for node in pop_nodes},
            serving=serving_reports(stack),
            shield_addresses=[node.address for node in shields],
            boots_after=[identity, release],
        )
        machines = Ec2Pop(f"pop-{pop.region}", args)
        accelerated.append(AcceleratedPop(pop.region, machines.instances, pop.traffic_dial))
    names = PopDnsArgs(
        zone_id=dns.zone_id,
        zone_name=stack.config.domain,
        hostname=stack.hostname,
        nodes=nodes,
        weight=stack.config.pops_percent,
        after=[dns],
        accelerator=_create_accelerator(stack, accelerated),
        routing=stack.config.pops_routing,
        biases={pop.region: pop.bias for pop in stack.config.pops},
    )
    return PopDns("dns-pops", names)


def _create_accelerator(stack: Stack, pops: Sequence[AcceleratedPop]) -> AcceleratorEntry | None:
    """Creates the accelerator in front of the PoPs. Returns None if the config says that clients connect to the PoPs'
    own addresses.
    """
    if stack.config.pops_reached_by == "addresses":
        return None
    return Accelerator("accelerator", AcceleratorArgs(stack.prefix, pops)).entry


def _create_identity(stack: Stack, metadata: Metadata) -> PopIdentity:
    args = PopIdentityArgs(
        prefix=stack.prefix,
        secret_ids=[stack.secret(name) for name in POP_SECRETS],
        secret_regions=stack.pop_secret_regions,
        table=metadata.table,
        table_regions=stack.config.metadata.regions,
        serving=serving_reports(stack),
    )
    return PopIdentity("identity-pops", args)


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


def _user_data(
    stack: Stack, pop: Pop, node: PopNode, shields: Sequence[Node], metadata_api: MetadataApi
) -> pulumi.Output[str]:
    return pulumi.Output.from_input(metadata_api.binding.url).apply(
        lambda url: compressed(render_user_data(_settings(stack, pop, node, shields, url), pop.region))
    )


def _settings(stack: Stack, pop: Pop, node: PopNode, shields: Sequence[Node], metadata_api: str) -> PopSettings:
    config, region = stack.config, REGIONS[pop.region]
    return PopSettings(
        hostname=stack.hostname,
        shields=[ShieldNode(f"{host(node, config.domain)}:{EDGE_PORT}", node.region) for node in shields],
        place=Place(region.latitude, region.longitude),
        sources=Sources(
            edge_secret=stack.secret("edge"),
            metadata_api_secret=stack.secret("metadata-api"),
            purge_secret=stack.secret("purge-signing"),
            # A PoP reads its secrets and its certificate in its own region and in the home region. `regions` does not
            # name the regions of other PoPs. Otherwise a new PoP would change the user data of every machine.
            regions=list(dict.fromkeys([pop.region, stack.home_region])),
            home_region=stack.home_region,
            certificate_parameter=certificate_parameter(stack.environment),
            table=f"{stack.prefix}-metadata",
            table_regions=nearest_first(pop.region, dict.fromkeys(config.metadata.regions)),
        ),
        serving_parameter=serving_reports(stack).parameter(node.name),
        metadata_api=metadata_api,
        reserved_python_names=config.edge.reserved_python_names,
        architecture=architecture(pop.machine_type),
        waf=waf_args(config.waf),
    )
