"""Lists all mutations that test the policy pack, and the resource types that no policy reads."""

from __future__ import annotations

from collections.abc import Mapping

from tests.policies.mutations import (
    Mutation,
    StackMutation,
    access,
    alarms,
    certificates,
    compute,
    copies,
    database,
    dns,
    edge,
    events,
    functions,
    governance,
    identity,
    keys,
    messaging,
    network,
    permissions,
    principals,
    references,
    running,
    shields,
    storage,
    waf,
    watch,
)

MUTATIONS: list[Mutation | StackMutation] = [
    *dns.MUTATIONS,
    *edge.MUTATIONS,
    *waf.MUTATIONS,
    *certificates.MUTATIONS,
    *network.MUTATIONS,
    *shields.MUTATIONS,
    *compute.MUTATIONS,
    *storage.MUTATIONS,
    *copies.MUTATIONS,
    *database.MUTATIONS,
    *functions.MUTATIONS,
    *messaging.MUTATIONS,
    *keys.MUTATIONS,
    *principals.MUTATIONS,
    *references.MUTATIONS,
    *identity.MUTATIONS,
    *access.MUTATIONS,
    *permissions.MUTATIONS,
    *watch.MUTATIONS,
    *alarms.MUTATIONS,
    *events.MUTATIONS,
    *running.MUTATIONS,
    *governance.MUTATIONS,
]

# The resource types whose properties no Pulumi policy checks, each with the reason.
UNREAD: Mapping[str, str] = {
    "aws:ec2/eipAssociation:EipAssociation": "gives an address to a machine; policies check both",
    "aws:ec2/internetGateway:InternetGateway": "admits only traffic that a security group allows",
    "aws:ec2/routeTable:RouteTable": "only groups routes",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "assigns a route table to a subnet",
    "aws:iam/instanceProfile:InstanceProfile": "gives a role to machines; policies check the role",
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": "names a role's policies; policies check these themselves",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "switches off retries of scheduled calls",
    "aws:s3/bucketMetric:BucketMetric": "switches on request metrics; the tests of alarms notice missing metrics",
    "cloudflare:index/mtlsCertificate:MtlsCertificate": "the SDK keeps its key secret; policies check its binding",
    "cloudflare:index/workersKvNamespace:WorkersKvNamespace": "has no setting except its title",
    "gcp:compute/address:Address": "only an IP address",
    "gcp:kms/keyRing:KeyRing": "only groups keys, which policies check",
    "gcp:monitoring/metricDescriptor:MetricDescriptor": "describes a metric; policies check the alarms on it",
    "gcp:storage/bucketObject:BucketObject": "an object with code; policies check its bucket",
    "gcp:serviceaccount/account:Account": "has no permissions without grants; policies check grants and keys",
}
