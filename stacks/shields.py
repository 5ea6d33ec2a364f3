"""Creates the shields (regional caches) of a stack. Each region gets a network and the cache machines in it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from contract.shields import certificate_parameter, host_suffix
from infra.blobs import log_bucket_name
from infra.dns.route53 import Dns
from infra.edge.networks import edge_networks
from infra.exclusive import keep_only
from infra.identity import OriginAccessArgs
from infra.identity.origin_access import OriginAccess
from infra.machines.certificate import MachineCertificateArgs
from infra.network import NetworkArgs
from infra.network.aws import AwsNetwork
from infra.network.gcp import GcpNetwork
from infra.pop import PopNode
from infra.shield import AccessLog, BootSettings, Node, ShieldArgs
from infra.shield.certificate import ShieldCertificate
from infra.shield.ec2 import Ec2Shield
from infra.shield.gce import GceShield
from stacks.config import Stack
from stacks.identities import Identities, serving_reports
from stacks.storage import Objects

NETWORK = {"aws": AwsNetwork, "gcp": GcpNetwork}
SHIELD = {"aws": Ec2Shield, "gcp": GceShield}


def create_shields(stack: Stack, identities: Identities, objects: Objects, pops: Sequence[PopNode]) -> Sequence[Node]:
    """Creates the machines of the shields (regional caches) in every region. Their firewalls admit requests from
    Cloudflare's networks and from PoP machines of our own.

    If the objects are on S3, the function also limits the shields' AWS role. The role can then read objects only from
    the shields' networks and addresses.
    """
    edge_addresses = _edge_addresses(pops)
    boot = BootSettings(
        buckets=objects.blobs.buckets,
        secret_id=stack.secret("shield"),
        secret_regions=stack.common_secret_regions,
        certificate_regions=stack.certificate_regions,
        certificate_parameter=certificate_parameter(stack.environment),
        serving=serving_reports(stack),
        standby=objects.standby.blobs.buckets[0] if objects.standby else None,
        log=_access_log(stack, objects),
    )
    nodes: list[Node] = []
    s3_endpoints: dict[str, pulumi.Input[str]] = {}
    for shield in stack.config.shields:
        network = NETWORK[shield.cloud](f"network-{shield.region}", NetworkArgs(shield.region, stack.prefix))
        args = ShieldArgs(
            prefix=stack.prefix,
            region=shield.region,
            machine_type=shield.machine_type,
            nodes=shield.nodes,
            network=network,
            identity=identities.of_machines_on(shield.cloud),
            edge_addresses=edge_addresses,
            boot=boot,
            role_arn=identities.aws.role_arn,
            boots_after=[identities.aws, objects.blobs],
        )
        nodes += SHIELD[shield.cloud](f"shield-{shield.region}", args).nodes
        if network.s3_endpoint is not None:
            s3_endpoints[shield.region] = network.s3_endpoint
    if stack.config.blobs.store == "s3":
        access = OriginAccessArgs(identities.aws.role_name, objects.blobs.buckets, s3_endpoints, nodes)
        identities.aws_policies.append(OriginAccess("origin-ways", access).policy)
    return nodes


def create_shield_certificate(stack: Stack, identities: Identities, dns: Dns) -> None:
    """Creates the certificates that all shield machines present to the edge. Permits the machines' IAM role to export
    them.

    The function also makes the list of the role's policies final. The role keeps the policies that earlier steps of the
    program have added. Later steps must not add a policy.
    """
    args = MachineCertificateArgs(
        zone_id=dns.zone_id,
        domain_name=f"*{host_suffix(stack.config.domain)}",
        regions=stack.certificate_regions,
        parameter=certificate_parameter(stack.environment),
        description="ARN of the certificate that shield machines present to the edge",
        role=identities.aws.role_name,
    )
    certificate = ShieldCertificate("shield-certificate", args)
    policies = [*identities.aws.policies, *identities.aws_policies, certificate.policy]
    # `keep_only` creates resources that remove unknown policies from the role. They must not be children of
    # `identities.aws`, because the dependencies would then form a circle: shield machines wait for the children of
    # `identities.aws`, the policy of OriginAccess waits for the machines, and `keep_only` waits for this policy.
    keep_only("shield", identities.aws.role_name, policies, certificate)


def _access_log(stack: Stack, objects: Objects) -> AccessLog | None:
    """Returns the destination of the access logs of the shields (regional caches), or None if the logs stay on the
    machines.
    """
    fields, primary = stack.config.shield_log_fields, objects.primary
    if primary.store != "s3" or not fields:
        return None
    return AccessLog(log_bucket_name(stack.bucket_prefix, primary.region), primary.region, fields)


def _edge_addresses(pops: Sequence[PopNode]) -> pulumi.Output[Sequence[str]]:
    """Returns the networks from which the edge connects: Cloudflare's networks, and the address of each machine in our
    own PoPs.
    """
    if not pops:
        return edge_networks()
    return pulumi.Output.all(edge_networks(), *(node.address for node in pops)).apply(
        lambda known: [*known[0], *(f"{address}/32" for address in known[1:])]
    )
