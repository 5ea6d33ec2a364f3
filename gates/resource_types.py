"""What resources are to those who depend on them, by Pulumi type. One in none of these sets can be made anew."""

from __future__ import annotations

BUCKETS = frozenset(
    {
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "gcp:storage/bucket:Bucket",
        "cloudflare:index/r2Bucket:R2Bucket",
    }
)
"""Origins of objects."""

STORES = BUCKETS | {
    "aws:dynamodb/table:Table",
    "aws:dynamodb/tableReplica:TableReplica",
    "aws:kms/key:Key",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:route53/zone:Zone",
    "aws:secretsmanager/secret:Secret",
    "aws:sqs/queue:Queue",
    "cloudflare:index/d1Database:D1Database",
    "cloudflare:index/queue:Queue",
    "cloudflare:index/workersKvNamespace:WorkersKvNamespace",
    "cloudflare:index/zone:Zone",
    "gcp:dns/managedZone:ManagedZone",
    "gcp:kms/cryptoKey:CryptoKey",
    "gcp:kms/keyRing:KeyRing",
    "gcp:pubsub/topic:Topic",
    "gcp:secretmanager/secret:Secret",
    "gcp:spanner/database:Database",
    "gcp:spanner/instance:Instance",
}
"""What holds something that the program cannot make again: data, keys, messages, and delegations."""

RECORDS = frozenset(
    {
        "aws:route53/record:Record",
        "cloudflare:index/dnsRecord:DnsRecord",
        "cloudflare:index/record:Record",
        "gcp:dns/recordSet:RecordSet",
    }
)
"""What resolvers are told."""

BALANCERS = frozenset(
    {"cloudflare:index/loadBalancer:LoadBalancer", "cloudflare:index/loadBalancerPool:LoadBalancerPool"}
)
"""What spreads clients by weight, besides records."""

CERTIFICATES = frozenset(
    {
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "cloudflare:index/certificatePack:CertificatePack",
        "cloudflare:index/customOriginTrustStore:CustomOriginTrustStore",
        "cloudflare:index/customSsl:CustomSsl",
        "cloudflare:index/mtlsCertificate:MtlsCertificate",
        "gcp:certificatemanager/certificate:Certificate",
        "gcp:compute/managedSslCertificate:ManagedSslCertificate",
        "gcp:compute/sSLCertificate:SSLCertificate",
    }
)
"""What a tier proves itself with on the way of a request, or is checked against."""

ENTRANCES = frozenset(
    {
        "aws:cloudfront/distribution:Distribution",
        "aws:ec2/eip:Eip",
        "aws:globalaccelerator/accelerator:Accelerator",
        "aws:lb/loadBalancer:LoadBalancer",
        "cloudflare:index/workersCustomDomain:WorkersCustomDomain",
        "cloudflare:index/workersRoute:WorkersRoute",
        "cloudflare:index/workersScript:WorkersScript",
        "gcp:compute/address:Address",
        "gcp:compute/globalAddress:GlobalAddress",
        "gcp:compute/globalForwardingRule:GlobalForwardingRule",
    }
)
"""What answers at the names that are resolved, and the addresses that stand in records."""

CLIENT_FACING = RECORDS | BALANCERS | CERTIFICATES | ENTRANCES

NODES = frozenset({"aws:ec2/instance:Instance", "gcp:compute/instance:Instance"})
"""Machines, each with a cache or a part in serving that is cold when it is made anew."""

STOPPED_FOR = frozenset({"instanceType", "machineType"})
"""Inputs of a machine that can be changed in place only while it is stopped; its own NVMe disks are empty after that
(EC2 User Guide, "Instance store data persistence"; Compute Engine, "About Local SSD disks")."""
