"""Creates the Cloud KMS key that encrypts objects on Google Cloud."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from infra.keys import GcpKeysArgs

# 90 days, the longest rotation period that the CIS Google Cloud Platform Foundation Benchmark (1.10) permits
_ROTATION_SECONDS = 90 * 24 * 3600

# Maps each multi-region location of Cloud Storage to the location of Cloud KMS that its keys must have (Cloud KMS,
# "Cloud KMS locations").
_LOCATIONS = {"US": "us", "EU": "europe", "ASIA": "asia"}


class GcpKeys(pulumi.ComponentResource):
    """A Cloud KMS key in a separate key ring. Cloud KMS rotates the key every 90 days. Only Cloud Storage may use the
    key.

    Cloud KMS keys and key rings cannot be deleted. `usable` is an output with the key's name. The output resolves only
    when Cloud Storage may use the key, because a bucket would reject the key before that. `project` is the Google Cloud
    project of the key.
    """

    usable: pulumi.Output[str]
    project: pulumi.Output[str]

    def __init__(self, name: str, args: GcpKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:keys:GcpKeys", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        location = _LOCATIONS.get(args.location, args.location.lower())
        ring = gcp.kms.KeyRing("objects", name=args.prefix, location=location, opts=child)
        key = gcp.kms.CryptoKey(
            "objects",
            name="objects",
            key_ring=ring.id,
            purpose="ENCRYPT_DECRYPT",
            rotation_period=f"{_ROTATION_SECONDS}s",
            opts=child,
        )
        agent = gcp.storage.get_project_service_account_output(
            project=ring.project, opts=pulumi.InvokeOutputOptions(parent=self)
        )
        use = gcp.kms.CryptoKeyIAMMember(
            "objects",
            crypto_key_id=key.id,
            role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
            member=agent.email_address.apply(lambda email: f"serviceAccount:{email}"),
            opts=child,
        )
        self.project = ring.project
        self.usable = pulumi.Output.all(key.id, use.id).apply(lambda known: known[0])
        self.register_outputs({"usable": self.usable})
