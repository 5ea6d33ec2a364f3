"""Groups of Pulumi resource types such as buckets, DNS records and certificates. The plan gate checks Pulumi plans for
dangerous changes of these resources. A resource outside all these groups can be replaced without harm.
"""

from __future__ import annotations

# Resource types of buckets. The plan gate treats the buckets of a stack as origins, which store the published objects.
BUCKETS = frozenset(
    {
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "gcp:storage/bucket:Bucket",
        "cloudflare:index/r2Bucket:R2Bucket",
    }
)

# Types of resources whose content Pulumi cannot create again. The content is data, keys, messages, or the name servers
# to which a domain is delegated.
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

# Pulumi types of DNS records. The records determine the addresses to which clients connect.
RECORDS = frozenset(
    {
        "aws:route53/record:Record",
        "cloudflare:index/dnsRecord:DnsRecord",
        "cloudflare:index/record:Record",
        "gcp:dns/recordSet:RecordSet",
    }
)

# Pulumi types of Cloudflare load balancers. A load balancer distributes clients to its pools by weight, so the gates
# compare these weights in the same way as the weights of DNS records.
BALANCERS = frozenset(
    {"cloudflare:index/loadBalancer:LoadBalancer", "cloudflare:index/loadBalancerPool:LoadBalancerPool"}
)

# Resource types of AWS Global Accelerator. An accelerator has listeners, and a listener has endpoint groups. The
# traffic dial of an endpoint group decides which percentage of its clients the group accepts.
ACCELERATOR = "aws:globalaccelerator/accelerator:Accelerator"
LISTENER = "aws:globalaccelerator/listener:Listener"
ENDPOINT_GROUP = "aws:globalaccelerator/endpointGroup:EndpointGroup"

# Resource types of Google Cloud's load balancers. A global forwarding rule has the address that clients connect to. It
# leads to a target proxy, and this to a backend service with network endpoint groups.
FORWARDING_RULE = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
TARGET_PROXY = "gcp:compute/targetTCPProxy:TargetTCPProxy"
BACKEND_SERVICE = "gcp:compute/backendService:BackendService"
ENDPOINT_SET = "gcp:compute/networkEndpointGroup:NetworkEndpointGroup"
ENDPOINT = "gcp:compute/networkEndpoint:NetworkEndpoint"
GLOBAL_ADDRESS = "gcp:compute/globalAddress:GlobalAddress"

# Pulumi types of certificates and trust stores. A tier (a part of the network, such as the edge) presents a certificate
# to clients or to other tiers, and verifies the certificates of other tiers against a trust store.
CERTIFICATES = frozenset(
    {
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "cloudflare:index/certificatePack:CertificatePack",
        "cloudflare:index/customSsl:CustomSsl",
        "cloudflare:index/mtlsCertificate:MtlsCertificate",
        "gcp:certificatemanager/certificate:Certificate",
        "gcp:compute/managedSslCertificate:ManagedSslCertificate",
        "gcp:compute/sSLCertificate:SSLCertificate",
    }
)

# Types of resources that clients connect to, such as load balancers and public addresses. DNS records contain the
# addresses of these resources.
ENTRANCES = frozenset(
    {
        "aws:cloudfront/distribution:Distribution",
        "aws:ec2/eip:Eip",
        ACCELERATOR,
        "aws:lb/loadBalancer:LoadBalancer",
        "cloudflare:index/workersCustomDomain:WorkersCustomDomain",
        "cloudflare:index/workersRoute:WorkersRoute",
        "cloudflare:index/workersScript:WorkersScript",
        "gcp:compute/address:Address",
        GLOBAL_ADDRESS,
        FORWARDING_RULE,
    }
)

CLIENT_FACING = RECORDS | BALANCERS | CERTIFICATES | ENTRANCES

# Types of machines that serve and cache objects. When a plan replaces such a machine, the new one starts with an empty
# cache.
NODES = frozenset({"aws:ec2/instance:Instance", "gcp:compute/instance:Instance"})

# Inputs of a machine that can be changed in place only while the machine is stopped. Pulumi's providers stop it
# (hashicorp/terraform-provider-aws, `ec2_instance.go`; hashicorp/terraform-provider-google,
# `resource_compute_instance.go`). The machine's local NVMe disks are empty afterwards (EC2 User Guide, "Instance store
# data persistence"; Compute Engine, "About Local SSD disks").
STOPPED_FOR = frozenset(
    {
        "advancedMachineFeatures",
        "enableDisplay",
        "instanceType",
        "machineType",
        "minCpuPlatform",
        "serviceAccount",
        "shieldedInstanceConfig",
        "userData",
        "userDataBase64",
    }
)
