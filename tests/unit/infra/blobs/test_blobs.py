"""Tests the object storage of each environment. The tests cover buckets, keys, permissions, replication, object locks
and access logs.

The tests read the emulated AWS after the first `pulumi up`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError

from emulation.gcp import in_process as google
from emulation.providers import aws as emulated_aws
from emulation.providers import gcp as emulated_gcp
from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError
from infra.blobs import BlobsArgs, Lock
from infra.blobs.gcs import GcsBlobs
from infra.blobs.s3 import S3Blobs
from infra.observability import CloudWatchAlarm
from stacks.config import Blobs, ConfigError, Stack, load
from tests.support.aws_handlers import create, gone, handler
from tests.support.harness import Deployment, aws_account, deploy
from tests.support.stacks import as_config, brought_up, prod_with_standby, stack_config

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Place:
    """The bucket of one environment in one region. The class reads the bucket's settings with AWS API calls."""

    environment: str
    config: Blobs
    region: str

    @property
    def name(self) -> str:
        return f"artifact-edge-{self.environment}-example-{self.region}"

    @property
    def logs(self) -> str:
        return f"artifact-edge-{self.environment}-example-logs-{self.region}"

    @property
    def s3(self) -> Any:
        return client("s3", {"region": self.region})

    @property
    def key(self) -> str:
        kms = client("kms", {"region": self.region})
        return kms.describe_key(KeyId=f"alias/artifact-edge-{self.environment}")["KeyMetadata"]["Arn"]

    def policy(self, bucket: str) -> dict[str, dict[str, Any]]:
        statements = json.loads(self.s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
        return {statement["Sid"]: statement for statement in statements}


@dataclass(frozen=True)
class Up:
    """An environment under test. Its resources exist in a separate emulated AWS account while its tests run. `project`
    is a client of its Google Cloud project.
    """

    stack: Stack
    alarms: list[CloudWatchAlarm]
    deployment: Deployment
    project: httpx.Client

    @property
    def places(self) -> list[Place]:
        return [Place(self.stack.environment, self.stack.config.blobs, region) for region in self.regions]

    @property
    def addresses(self) -> dict[str, str]:
        """Returns the public address of each shield machine (a regional cache). A key is `<region>/<machine name>`."""
        shields = self.deployment.outputs["shields"]
        return {f"{shield['region']}/{shield['name']}": shield["address"] for shield in shields}

    @property
    def regions(self) -> list[str]:
        return self.stack.config.blobs.regions


STACKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dev": ("dev", {}),
    "prod with a standby": ("prod", prod_with_standby()),
}


@pytest.fixture(scope="module", params=STACKS.values(), ids=list(STACKS))
def up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Deploys the environment with the fewest buckets, and the one with the most. The bucket of `dev` has no lock, and
    a person may delete it. `prod` has replicas and locks. Here it also has a standby.
    """
    environment, changes = request.param
    config = stack_config(environment) | as_config(changes)
    alarms: list[CloudWatchAlarm] = []
    made = S3Blobs.__init__

    def noted(self: S3Blobs, *arguments: Any) -> None:
        made(self, *arguments)
        alarms.extend(self.alarms)

    with aws_account(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Blobs, "__init__", noted)
        deployment, project = brought_up(environment, config, tmp_path_factory.mktemp("clouds"))
        yield Up(load(environment, config), alarms, deployment, project)


def test_every_bucket_is_in_its_region_versioned_and_private(up: Up) -> None:
    for place in up.places:
        for name in (place.name, place.logs):
            location = place.s3.get_bucket_location(Bucket=name)["LocationConstraint"]
            assert location == (None if place.region == "us-east-1" else place.region)
            assert place.s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
            ownership = place.s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
            assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
            blocked = place.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
            assert set(blocked.values()) == {True}


def test_objects_are_encrypted_with_the_key_of_their_region_and_logs_with_s3s_own(up: Up) -> None:
    for place in up.places:
        (rule,) = place.s3.get_bucket_encryption(Bucket=place.name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": place.key}
        assert rule["BucketKeyEnabled"] is True
        (rule,) = place.s3.get_bucket_encryption(Bucket=place.logs)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert len({place.key.split("/")[1] for place in up.places}) == 1


def test_every_bucket_refuses_clear_text_and_old_tls(up: Up) -> None:
    for place in up.places:
        for name in (place.name, place.logs):
            policy = place.policy(name)
            for sid, condition in (
                ("RefusePlainText", {"Bool": {"aws:SecureTransport": "false"}}),
                ("RefuseOldTls", {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
            ):
                refusal = policy[sid]
                assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", {"AWS": "*"}, "s3:*")
                assert refusal["Resource"] == [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
                assert refusal["Condition"] == condition


def test_only_shields_may_get_and_list(up: Up) -> None:
    role = client("iam").get_role(RoleName=f"artifact-edge-{up.stack.environment}-shield")["Role"]["Arn"]
    for place in up.places:
        allowed = [each for each in place.policy(place.name).values() if each["Effect"] == "Allow"]
        assert {each["Action"] for each in allowed} == {"s3:GetObject", "s3:ListBucket"}
        assert all(each["Principal"] == {"AWS": [role]} for each in allowed)


def test_shield_credentials_read_only_from_the_shields_networks(up: Up) -> None:
    """Checks from where shields (regional caches) can read a bucket. Shields in the bucket's region must use the VPC
    endpoint. Shields in other regions must use their fixed addresses.
    """
    iam, stack = client("iam"), up.stack
    found = iam.get_role_policy(RoleName=f"artifact-edge-{stack.environment}-shield", PolicyName="origin-ways")
    refusals = {each["Resource"][0].split(":")[-1]: each for each in found["PolicyDocument"]["Statement"]}
    assert set(refusals) == {place.name for place in up.places}
    for place in up.places:
        refusal = refusals[place.name]
        assert (refusal["Effect"], refusal["Resource"][1]) == ("Deny", f"arn:aws:s3:::{place.name}/*")
        assert set(refusal["Action"]) == {"s3:GetObject", "s3:ListBucket"}
        endpoint = up.deployment.of(aws.ec2.VpcEndpoint)[f"network-{place.region}-s3"].id
        assert refusal["Condition"]["StringNotEquals"] == {"aws:SourceVpce": endpoint}
        elsewhere = {
            f"{address}/32" for region, address in up.addresses.items() if region.split("/")[0] != place.region
        }
        given = refusal["Condition"].get("NotIpAddress", {}).get("aws:SourceIp", [])
        assert set(given) == elsewhere
        assert len(given) == sum(shield.nodes for shield in stack.config.shields if shield.region != place.region)


def test_policies_that_name_the_shields_role_are_created_after_it(up: Up) -> None:
    """Checks the order in which resources are created. AWS refuses a policy that contains a missing role. The IAM role
    of the shields (regional caches) must therefore exist before the policies that contain it.
    """
    role = f"role/artifact-edge-{up.stack.environment}-shield"
    made = up.deployment.resources
    (there,) = [n for n, each in enumerate(made) if each.outputs.get("arn", "").endswith(role)]
    naming = [n for n, each in enumerate(made) if role in str(each.inputs.get("policy"))]
    # For each bucket with published objects, the role of the shields (regional caches) is in the bucket policy and in
    # the key policy. The role is also in the policy of the bucket with access logs.
    assert len(naming) == 2 * len(up.places) + 1
    assert min(naming) > there


def test_access_is_logged_in_a_separate_bucket(up: Up) -> None:
    for place in up.places:
        logging = place.s3.get_bucket_logging(Bucket=place.name)["LoggingEnabled"]
        assert (logging["TargetBucket"], logging["TargetPrefix"]) == (place.logs, f"{place.name}/")
        delivery = place.policy(place.logs)["DeliverLogs"]
        assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
        assert (delivery["Action"], delivery["Resource"]) == ("s3:PutObject", f"arn:aws:s3:::{place.logs}/*")
        assert delivery["Condition"] == {
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{place.name}"},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        }


def test_shields_may_write_logs_in_the_primary_region_and_read_none(up: Up) -> None:
    primary, *others = up.places
    allowed = {sid: each for sid, each in primary.policy(primary.logs).items() if each["Effect"] == "Allow"}
    assert set(allowed) == {"DeliverLogs", "ShipLogs"}
    shipping = allowed["ShipLogs"]
    assert (shipping["Action"], shipping["Resource"]) == ("s3:PutObject", f"arn:aws:s3:::{primary.logs}/shields/*")
    assert shipping["Principal"] == {
        "AWS": [f"arn:aws:iam::{ACCOUNT}:role/artifact-edge-{up.stack.environment}-shield"]
    }
    assert all("ShipLogs" not in place.policy(place.logs) for place in others)


def test_old_versions_expire_and_rarely_read_objects_change_class(up: Up) -> None:
    config = up.stack.config.blobs
    for place in up.places:
        rules = lifecycle(place, place.name)
        assert rules["noncurrent-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == config.noncurrent_days
        assert rules["noncurrent-versions"]["Expiration"]["ExpiredObjectDeleteMarker"] is True
        assert rules["abandoned-uploads"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7
        (transition,) = rules["rarely-read"]["Transitions"]
        assert (transition["Days"], transition["StorageClass"]) == (30, "INTELLIGENT_TIERING")
        assert lifecycle(place, place.logs)["old-logs"]["Expiration"]["Days"] == config.access_log_days
        assert all(
            rule["Status"] == "Enabled" for name in (place.name, place.logs) for rule in lifecycle(place, name).values()
        )


def lifecycle(place: Place, bucket: str) -> dict[str, dict[str, Any]]:
    rules = place.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    return {rule["ID"]: rule for rule in rules}


def test_versions_are_locked_as_configured(up: Up) -> None:
    config = up.stack.config.blobs
    for place in up.places:
        if config.lock == "none":
            with pytest.raises(ClientError, match="ObjectLockConfigurationNotFound"):
                place.s3.get_object_lock_configuration(Bucket=place.name)
            continue
        lock = place.s3.get_object_lock_configuration(Bucket=place.name)["ObjectLockConfiguration"]
        assert lock["ObjectLockEnabled"] == "Enabled"
        retention = lock["Rule"]["DefaultRetention"]
        assert (retention["Mode"], retention["Days"]) == (config.lock.upper(), config.lock_days)


def test_the_primary_is_copied_to_every_replica_and_encrypted_there(up: Up) -> None:
    primary, *replicas = up.places
    for replica in replicas:
        with pytest.raises(ClientError, match="ReplicationConfigurationNotFound"):
            replica.s3.get_bucket_replication(Bucket=replica.name)
    if not replicas:
        with pytest.raises(ClientError, match="ReplicationConfigurationNotFound"):
            primary.s3.get_bucket_replication(Bucket=primary.name)
        return
    found = primary.s3.get_bucket_replication(Bucket=primary.name)["ReplicationConfiguration"]
    assert found["Role"] == f"arn:aws:iam::{ACCOUNT}:role/artifact-edge-{up.stack.environment}-example-replication"
    rules = {rule["ID"]: rule for rule in found["Rules"]}
    assert set(rules) == {replica.region for replica in replicas}
    assert all(rule["Status"] == "Enabled" for rule in rules.values())
    assert {rule["Destination"]["Bucket"] for rule in rules.values()} == {
        f"arn:aws:s3:::{each.name}" for each in replicas
    }


def test_the_replication_role_reads_here_and_writes_there_with_each_regions_key(up: Up) -> None:
    primary, *replicas = up.places
    if not replicas:
        return
    name = f"artifact-edge-{up.stack.environment}-example-replication"
    iam = client("iam")
    (trusted,) = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "s3.amazonaws.com"}
    statements = iam.get_role_policy(RoleName=name, PolicyName="replicate")["PolicyDocument"]["Statement"]
    decrypt, *others = [each for each in statements if str(each["Action"]).startswith("kms:")]
    assert (decrypt["Action"], decrypt["Resource"]) == ("kms:Decrypt", primary.key)
    assert [(each["Action"], each["Resource"]) for each in others] == [
        (action, replica.key) for replica in replicas for action in ("kms:Encrypt", "kms:Decrypt")
    ]
    of_keys = [primary, *(replica for replica in replicas for _ in ("kms:Encrypt", "kms:Decrypt"))]
    for place, statement in zip(of_keys, [decrypt, *others], strict=True):
        assert statement["Condition"]["StringEquals"] == {"kms:ViaService": f"s3.{place.region}.amazonaws.com"}
        assert place.key.split(":")[3] == place.region
    writes = [each for each in statements if "s3:ReplicateObject" in each["Action"]]
    assert [each["Resource"] for each in writes] == [[f"arn:aws:s3:::{replica.name}/*" for replica in replicas]]
    actions = {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert {"s3:GetObjectRetention", "s3:GetObjectLegalHold"} <= actions
    assert not [action for action in actions if "*" in action]


def test_failures_and_late_copies_raise_alarms_where_their_metrics_are(up: Up) -> None:
    primary, *replicas = up.places
    seen = {(alarm.metric, alarm.region): alarm for alarm in up.alarms}
    assert len({alarm.name for alarm in up.alarms}) == len(up.alarms) == 2 * len(up.places) + 3 * len(replicas)
    for place in up.places:
        (metric,) = [place.s3.get_bucket_metrics_configuration(Bucket=place.name, Id="EntireBucket")]
        for name in ("4xxErrors", "5xxErrors"):
            dimensions = seen[name, place.region].dimensions
            assert dimensions == {"BucketName": place.name, "FilterId": metric["MetricsConfiguration"]["Id"]}
    for replica in replicas:
        for name in ("ReplicationLatency", "OperationsPendingReplication"):
            assert seen[name, replica.region].dimensions["DestinationBucket"] == replica.name
        assert seen["ReplicationLatency", replica.region].threshold == 900
    failed = [alarm for alarm in up.alarms if alarm.metric == "OperationsFailedReplication"]
    assert {alarm.region for alarm in failed} == ({primary.region} if replicas else set())
    assert [alarm.dimensions["RuleId"] for alarm in failed] == [replica.region for replica in replicas]


def test_a_standby_is_fetched_by_google_each_hour_and_read_by_shields_of_google_alone(up: Up) -> None:
    if not up.stack.config.blobs.standby:
        assert [each.urn for each in up.deployment.resources if "standby" in each.urn] == []
        return
    bucket = up.project.get("storage/v1/b/artifact-edge-prod-example-standby-us-east4").json()
    assert bucket["customPlacementConfig"] == {"dataLocations": ["US-EAST4", "US-EAST1"]}
    assert bucket["encryption"]["defaultKmsKeyName"].endswith("/keyRings/artifact-edge-prod-standby/cryptoKeys/objects")
    agent = up.project.get("storagetransfer/v1/googleServiceAccounts/artifact-edge-prod").json()
    writer = f"serviceAccount:{agent['accountEmail']}"
    assert {each["role"] for each in bucket["iam"]["bindings"] if writer in each["members"]} == {
        "roles/storage.objectUser",
        "roles/storage.legacyBucketReader",
    }
    readers = [each["members"] for each in bucket["iam"]["bindings"] if each["role"].endswith("objectViewer")]
    assert readers == [["serviceAccount:artifact-edge-prod-shield@artifact-edge-prod.iam.gserviceaccount.com"]]
    assert len(bucket["iam"]["bindings"]) == 3  # only `writer` and `readers` have roles on the bucket
    job = up.project.get("storagetransfer/v1/transferJobs/artifact-edge-prod-standby").json()
    role = client("iam").get_role(RoleName="artifact-edge-prod-standby")["Role"]
    assert job["transferSpec"]["awsS3DataSource"] == {
        "bucketName": "artifact-edge-prod-example-us-east-1",
        "roleArn": role["Arn"],
    }
    assert job["transferSpec"]["gcsDataSink"] == {"bucketName": "artifact-edge-prod-example-standby-us-east4"}
    assert job["transferSpec"]["transferOptions"]["deleteObjectsUniqueInSink"] is True
    assert (job["status"], job["schedule"]["repeatInterval"]) == ("ENABLED", "3600s")
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Condition"] == {"StringEquals": {"accounts.google.com:sub": agent["subjectId"]}}
    role_policy = client("iam").get_role_policy(RoleName="artifact-edge-prod-standby", PolicyName="read-objects")
    actions = [each["Action"] for each in role_policy["PolicyDocument"]["Statement"]]
    assert actions == [["s3:GetBucketLocation", "s3:ListBucket"], "s3:GetObject", "kms:Decrypt"]


def test_a_compliance_lock_needs_a_protected_stack(aws_cloud: None) -> None:
    def program() -> None:
        keys = {"us-east-1": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/mrk-1"}
        S3Blobs("blobs", BlobsArgs("locked", ["us-east-1"], [], keys, 1, Lock("compliance", 9), 1, removable=False))

    deploy(program, emulated_aws.handlers(), emulated_aws.functions(), config={"aws:region": "us-east-1"})
    lock = client("s3").get_object_lock_configuration(Bucket="locked-us-east-1")["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"]["Mode"] == "COMPLIANCE"
    config = stack_config("prod")
    blobs = {**json.loads(config["artifact-edge:blobs"]), "lock": "compliance"}
    changed = {**config, "artifact-edge:blobs": json.dumps(blobs)}
    assert load("prod", changed).config.blobs.lock == "compliance"
    with pytest.raises(ConfigError, match=r"artifact-edge:blobs\.lock: 'compliance' .* use 'governance'"):
        load("prod", {**changed, "artifact-edge:protect": "false"})


def test_a_lock_is_added_to_and_removed_from_a_bucket_with_objects(aws_cloud: None) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="filled")
    s3.put_bucket_versioning(Bucket="filled", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="filled", Key="before", Body=b"x")
    rule = {"defaultRetention": {"mode": "GOVERNANCE", "days": 1}}
    lock = create(aws.s3.BucketObjectLockConfiguration, bucket="filled", rule=rule, region="us-east-1")
    s3.put_object(Bucket="filled", Key="after", Body=b"x")
    versions = {each["Key"]: each["VersionId"] for each in s3.list_object_versions(Bucket="filled")["Versions"]}
    s3.delete_object(Bucket="filled", Key="before", VersionId=versions["before"])
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket="filled", Key="after", VersionId=versions["after"])
    assert gone(aws.s3.BucketObjectLockConfiguration, lock)
    handler(aws.s3.Bucket).delete("filled", {"bucket": "filled", "region": "us-east-1", "forceDestroy": True})
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket="filled")


def test_a_bucket_with_locked_objects_cannot_be_deleted(aws_cloud: None) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="filled", ObjectLockEnabledForBucket=True)
    rule = {"defaultRetention": {"mode": "COMPLIANCE", "days": 1}}
    create(aws.s3.BucketObjectLockConfiguration, bucket="filled", rule=rule, region="us-east-1")
    s3.put_object(Bucket="filled", Key="kept", Body=b"x")
    with pytest.raises(CloudError, match="bucket filled keeps kept"):
        handler(aws.s3.Bucket).delete("filled", {"bucket": "filled", "region": "us-east-1", "forceDestroy": True})


@pytest.mark.parametrize(("days", "soft_days"), [(3, 7), (30, 30), (365, 90)])
def test_a_bucket_of_google_takes_locks_and_keeps_documents_as_long_as_it_can(
    days: int, soft_days: int, tmp_path: Path
) -> None:
    project = google.client(tmp_path)

    def program() -> None:
        GcsBlobs("blobs", BlobsArgs("locked", ["us-east1"], [], {}, 1, Lock("compliance", days), 1, removable=False))

    deploy(program, emulated_gcp.handlers(lambda: project), config={"gcp:project": "unit"})
    bucket = project.get("storage/v1/b/locked-us-east1").json()
    assert bucket["objectRetention"] == {"mode": "Enabled"}
    assert bucket["softDeletePolicy"] == {"retentionDurationSeconds": soft_days * 86400}
    assert "encryption" not in bucket
    assert "objectRetention" not in project.get("storage/v1/b/locked-logs-us-east1").json()


@pytest.mark.parametrize("protect", [True, False])
def test_a_compliance_lock_on_google_needs_a_protected_stack(protect: bool) -> None:
    config = stack_config("prod") | {
        "artifact-edge:blobs": json.dumps({"store": "gcs", "regions": ["us-east1", "us-east4"], "lock": "compliance"}),
        "artifact-edge:shields": json.dumps(
            [{"cloud": "gcp", "region": "us-east4", "machine_type": "n2-standard-8", "nodes": 1}]
        ),
        "artifact-edge:protect": str(protect).lower(),
    }
    if protect:
        assert load("prod", config).config.blobs.lock == "compliance"
    else:
        with pytest.raises(ConfigError, match=r"artifact-edge:blobs\.lock: 'compliance' .* use 'governance'"):
            load("prod", config)


@pytest.mark.parametrize(
    ("blobs", "reason"),
    [
        ({"store": "gcs", "regions": ["us-east1", "us-east4"], "standby": ["us-east4"]}, "standby for Cloud Storage"),
        (
            {"store": "s3", "regions": ["us-east-1", "eu-west-1"], "standby": ["us-east4", "europe-west1"]},
            "no dual-region",
        ),
        (
            {"store": "s3", "regions": ["us-east-1", "eu-west-1"], "standby": ["eu-west-1"]},
            "lacks the Google Cloud region",
        ),
    ],
)
def test_an_invalid_standby_is_refused(blobs: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=rf"artifact-edge:blobs\.standby.*{reason}"):
        load("prod", stack_config("prod") | {"artifact-edge:blobs": json.dumps(blobs)})
