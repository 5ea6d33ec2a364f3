"""Lists all mutations of the tests of policies, and the resource types that no policy reads."""

from __future__ import annotations

from collections.abc import Mapping

from tests.policies.mutations import (
    Mutation,
    StackMutation,
    access,
    alarms,
    compute,
    copies,
    database,
    dns,
    edge,
    functions,
    governance,
    identity,
    keys,
    messaging,
    network,
    principals,
    running,
    shields,
    storage,
    watch,
)

MUTATIONS: list[Mutation | StackMutation] = [
    *dns.MUTATIONS,
    *edge.MUTATIONS,
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
    *identity.MUTATIONS,
    *access.MUTATIONS,
    *watch.MUTATIONS,
    *alarms.MUTATIONS,
    *running.MUTATIONS,
    *governance.MUTATIONS,
]

# The resource types that no policy reads, each with the reason why no policy has to.
UNREAD: Mapping[str, str] = {
    "aws:cloudwatch/eventTarget:EventTarget": "whom the clock calls; the function is asked who may",
    "aws:ec2/internetGateway:InternetGateway": "lets in nobody whom no security group lets in",
    "aws:ec2/route:Route": "leads to the internet gateway; what comes by it is the security groups' affair",
    "aws:ec2/routeTable:RouteTable": "holds routes",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "joins a subnet to its routes",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "a shorter way to buckets, whose own policies say who reads",
    "aws:iam/instanceProfile:InstanceProfile": "hands a role to machines; the role is asked about",
    "aws:kms/alias:Alias": "a name of a key",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "that no pass is repeated: the next comes anyway",
    "aws:s3/bucketMetric:BucketMetric": "counts requests; alarms without data do not go off, which their tests see",
    "cloudflare:index/mtlsCertificate:MtlsCertificate": "its key is the SDK's secret; the worker's binding is read",
    "cloudflare:index/workersKvNamespace:WorkersKvNamespace": "has no setting but its title",
    "gcp:compute/address:Address": "a number",
    "gcp:kms/keyRing:KeyRing": "a place for keys, which are asked about",
    "gcp:monitoring/metricDescriptor:MetricDescriptor": "says what a metric is; alarms on it are asked about",
    "gcp:storage/bucketObject:BucketObject": "code in a bucket that is asked about",
    "gcp:serviceaccount/account:Account": "has no rights of its own; grants and keys are asked about",
}
