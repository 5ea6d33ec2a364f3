"""Tests the handlers of the emulated Google Cloud provider. The tests check which requests the emulated cloud refuses.
They also check that a read returns None for a resource that no longer exists.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pulumi_gcp as gcp
import pytest

from emulation.gcp import in_process
from emulation.providers.gcp import handlers
from emulation.providers.handler import CloudError, Handler, Properties

PROJECT = "unit"
NETWORK: Properties = {"project": PROJECT, "name": "net", "autoCreateSubnetworks": False}
BUCKET: Properties = {"project": PROJECT, "name": "blobs", "location": "US-EAST1", "versioning": {"enabled": True}}


@pytest.fixture
def cloud(tmp_path: Path) -> httpx.Client:
    return in_process.client(tmp_path)


def handler(cloud: httpx.Client, resource: type) -> Handler:
    return next(each for each in handlers(lambda: cloud) if each.resource is resource)


def subnetwork(network: str) -> Properties:
    return {
        "project": PROJECT,
        "region": "us-east1",
        "name": "sub",
        "network": network,
        "ipCidrRange": "10.0.0.0/24",
        "privateIpGoogleAccess": True,
    }


def test_a_network_in_use_is_not_deleted(cloud: httpx.Client) -> None:
    networks, subnets = handler(cloud, gcp.compute.Network), handler(cloud, gcp.compute.Subnetwork)
    network = networks.create(NETWORK)
    assert network.id == "projects/unit/global/networks/net"
    subnet = subnets.create(subnetwork(network.id))
    with pytest.raises(CloudError, match="already being used by"):
        networks.delete(network.id, network.outputs)
    subnets.delete(subnet.id, subnet.outputs)
    networks.delete(network.id, network.outputs)
    assert networks.read(network.id, network.outputs) is None
    networks.delete(network.id, network.outputs)


def test_a_subnet_without_a_network_is_refused(cloud: httpx.Client) -> None:
    with pytest.raises(CloudError, match="does not exist"):
        handler(cloud, gcp.compute.Subnetwork).create(subnetwork("projects/unit/global/networks/nowhere"))


def test_a_machine_that_runs_keeps_its_type_and_its_identity(cloud: httpx.Client) -> None:
    network = handler(cloud, gcp.compute.Network).create(NETWORK)
    subnet = handler(cloud, gcp.compute.Subnetwork).create(subnetwork(network.id))
    machines = handler(cloud, gcp.compute.Instance)
    disk = {"image": "ubuntu-os-cloud/ubuntu-2404-lts-amd64", "size": 16, "type": "pd-ssd"}
    inputs: Properties = {
        "project": PROJECT,
        "zone": "us-east1-b",
        "name": "machine",
        "machineType": "n2-standard-2",
        "bootDisk": {"initializeParams": disk},
        "networkInterfaces": [{"subnetwork": subnet.id}],
        "serviceAccount": {"email": "a@unit.iam.gserviceaccount.com", "scopes": ["cloud-platform"]},
    }
    machine = machines.create(inputs)
    changes: Properties = {
        "machineType": "n2-standard-4",
        "serviceAccount": {"email": "b@x", "scopes": ["cloud-platform"]},
    }
    assert changes.keys().isdisjoint(machines.replace_on)
    for name, value in changes.items():
        with pytest.raises(CloudError, match="allow_stopping_for_update"):
            machines.update(machine.id, machine.outputs, {**inputs, name: value})
    machines.update(machine.id, machine.outputs, {**inputs, "labels": {"owner": "platform"}})


def test_names_are_unique_and_checked(cloud: httpx.Client) -> None:
    networks = handler(cloud, gcp.compute.Network)
    networks.create(NETWORK)
    with pytest.raises(CloudError, match="already exists"):
        networks.create(NETWORK)
    with pytest.raises(CloudError, match="Invalid value for name: 'Net_1!'"):
        networks.create({**NETWORK, "name": "Net_1!"})


def test_each_address_is_assigned_once(cloud: httpx.Client) -> None:
    addresses = handler(cloud, gcp.compute.Address)
    given = [
        addresses.create({"project": PROJECT, "region": region, "name": "a"}).outputs["address"]
        for region in ("us-east1", "us-west1")
    ]
    assert given == ["198.51.100.1", "198.51.100.2"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "compute/v1/projects/unit/global/networks", {"name": "n", "mtu": 1500}, 501, "mtu"),
        ("POST", "compute/v1/projects/unit/global/networks", {"name": "n"}, 400, "'autoCreateSubnetworks'"),
        ("POST", "compute/v1/projects/unit/global/routers", {"name": "n"}, 501, "routers"),
        ("PATCH", "storage/v1/b/blobs", {"location": "EU"}, 501, "a change of location"),
        ("POST", "storage/v1/b", [], 400, "Invalid JSON payload"),
        (
            "POST",
            "spanner/v1/projects/unit/instances/none/databases",
            {"createStatement": "CREATE DATABASE x"},
            404,
            "none",
        ),
    ],
)
def test_an_unknown_field_is_refused_by_name(
    cloud: httpx.Client, method: str, path: str, body: Any, status: int, says: str
) -> None:
    handler(cloud, gcp.storage.Bucket).create(BUCKET)
    answer = cloud.request(method, path, json=body)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]


def test_adding_and_removing_bucket_members_keeps_the_others(cloud: httpx.Client) -> None:
    handler(cloud, gcp.storage.Bucket).create(BUCKET)
    members = handler(cloud, gcp.storage.BucketIAMMember)
    grant = {"bucket": "blobs", "role": "roles/storage.objectViewer"}
    alice = members.create({**grant, "member": "user:alice@x.io"})
    bob = members.create({**grant, "member": "user:bob@x.io"})
    admin = members.create({"bucket": "blobs", "role": "roles/storage.admin", "member": "user:alice@x.io"})
    members.delete(alice.id, alice.outputs)
    assert members.read(alice.id, alice.outputs) is None
    assert members.read(bob.id, bob.outputs) == bob.outputs
    assert members.read(admin.id, admin.outputs) == admin.outputs
    cloud.delete("storage/v1/b/blobs")
    assert members.read(bob.id, bob.outputs) is None


def test_lifecycle_rules_read_back_unchanged(cloud: httpx.Client) -> None:
    rules = [
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 1, "withState": "ARCHIVED"}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
    ]
    buckets = handler(cloud, gcp.storage.Bucket)
    made = buckets.create({**BUCKET, "lifecycleRules": rules})
    assert cloud.get("storage/v1/b/blobs").json()["lifecycle"]["rule"][0]["condition"]["isLive"] is False
    found = buckets.read(made.id, made.outputs)
    assert found is not None
    assert found["lifecycleRules"] == rules


def test_a_protected_database_is_not_deleted(cloud: httpx.Client) -> None:
    instances, databases = handler(cloud, gcp.spanner.Instance), handler(cloud, gcp.spanner.Database)
    instance = {
        "project": PROJECT,
        "name": "i",
        "config": "regional-us-east1",
        "displayName": "i",
        "processingUnits": 100,
    }
    instances.create(instance)
    wanted = {"project": PROJECT, "instance": "i", "name": "metadata", "enableDropProtection": True}
    database = databases.create(wanted)
    with pytest.raises(CloudError, match="drop protection"):
        databases.delete(database.id, database.outputs)
    with pytest.raises(CloudError, match="deletion_protection"):
        databases.delete(database.id, {**database.outputs, "deletionProtection": True})
    changed = databases.update(database.id, database.outputs, {**wanted, "enableDropProtection": False})
    databases.delete(database.id, changed)
    assert databases.read(database.id, changed) is None


def test_a_key_and_its_ring_survive_deletion(cloud: httpx.Client) -> None:
    rings, keys = handler(cloud, gcp.kms.KeyRing), handler(cloud, gcp.kms.CryptoKey)
    members = handler(cloud, gcp.kms.CryptoKeyIAMMember)
    inputs: Properties = {"name": "objects", "purpose": "ENCRYPT_DECRYPT", "rotationPeriod": "7776000s"}
    with pytest.raises(CloudError, match=r"keyRings/unit/cryptoKeys.*does not exist"):
        keys.create({**inputs, "keyRing": "projects/unit/locations/us/keyRings/unit"})
    ring = rings.create({"project": PROJECT, "location": "us", "name": "unit"})
    key = keys.create({**inputs, "keyRing": ring.id})
    assert key.id == "projects/unit/locations/us/keyRings/unit/cryptoKeys/objects"
    assert keys.read(key.id, key.outputs) == key.outputs
    member = members.create({"cryptoKeyId": key.id, "role": "roles/r", "member": "serviceAccount:s"})
    assert members.read(member.id, member.outputs) == member.outputs
    members.delete(member.id, member.outputs)
    assert members.read(member.id, member.outputs) is None
    keys.delete(key.id, key.outputs)
    rings.delete(ring.id, ring.outputs)
    left = cloud.get(f"cloudkms/v1/{key.id}").json()
    assert left["rotationPeriod"] is None
    with pytest.raises(CloudError, match="already exists"):
        rings.create({"project": PROJECT, "location": "us", "name": "unit"})
