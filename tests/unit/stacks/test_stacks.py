"""Tests the whole Pulumi program, which is deployed to the emulated clouds once for each environment.

The tests use the emulated resource handlers that also serve the real Pulumi engine.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pulumi_cloudflare as cloudflare
import pulumi_gcp as gcp
import pytest
import yaml

from infra import transforms
from stacks.config import load
from tests.policies.graph import as_policies_see_it
from tests.policies.resources import NAMES, findings, settings
from tests.support.harness import Deployment
from tests.support.stacks import (
    API_KEY,
    ENVIRONMENTS,
    ON_GOOGLE,
    ORIGIN_KEY,
    PURGE_KEY,
    SIGNING_KEY,
    first_up,
    stack_config,
)

ROOT = Path(__file__).parents[3]
OUTPUTS = {
    "environment",
    "home_region",
    "url",
    "zone",
    "buckets",
    "metadata",
    "entitlements",
    "networks",
    "shields",
    "worker_version",
}

KEY_ON_GCP = "projects/artifact-edge-prod/locations/us/keyRings/artifact-edge-prod/cryptoKeys/objects"


def bindings(deployment: Deployment) -> Mapping[str, Any]:
    script = deployment.of(cloudflare.WorkersScript)["edge"]
    return {binding["name"]: binding for binding in script.inputs["bindings"]}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_deploys_with_the_documented_outputs(environment: str) -> None:
    deployment = first_up(environment)
    config = load(environment, stack_config(environment)).config
    outputs = deployment.outputs
    assert set(outputs) == OUTPUTS | ({"pops"} if config.pops else set[str]())
    assert outputs["environment"] == environment
    assert outputs["url"] == f"https://packages.{config.domain}"
    assert outputs["zone"]["name"] == config.domain
    assert outputs["zone"]["id"]
    assert len(outputs["zone"]["name_servers"]) == 4
    assert outputs["buckets"] == [
        {"region": region, "name": f"artifact-edge-{environment}-example-{region}", "store": "s3"}
        for region in config.blobs.regions
    ]
    assert outputs["metadata"] == {
        "backend": "dynamodb",
        "region": "us-east-1",
        "table": f"artifact-edge-{environment}-metadata",
    }
    assert set(outputs["entitlements"]) == {"account_id", "namespace_id"}
    assert [(node["region"], node["cloud"]) for node in outputs["shields"]] == [
        (shield.region, shield.cloud) for shield in config.shields for _ in range(shield.nodes)
    ]
    assert all(node["host"] == f"{node['name']}.shield.{config.domain}" for node in outputs["shields"])
    assert len({node["address"] for node in outputs["shields"]}) == len(outputs["shields"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_meets_the_policies(environment: str) -> None:
    """Checks that each environment's stack meets the project's Pulumi policies. The policies run in the test's process,
    where all values are known.
    """
    registered = as_policies_see_it(first_up(environment))
    given = settings(environment)
    found = {name: findings(name, registered, given.get(name)) for name in NAMES}
    assert {name: findings_found for name, findings_found in found.items() if findings_found} == {}


def test_an_environment_without_its_settings_has_findings() -> None:
    """Runs the Pulumi policies on the stack `dev` without the policy settings of `dev`. Some policies must then report
    findings.

    With its settings, `dev` may be destroyed and may be in only one region.
    """
    registered = as_policies_see_it(first_up("dev"))
    found = {name for name in NAMES if findings(name, registered)}
    assert found <= settings("dev").keys()
    assert {
        "multi-bucket-replicated",
        "multi-data-protected-from-replacement",
        "stack-shields-spread-over-zones",
    } <= found


def test_every_tier_is_a_separate_component() -> None:
    tiers = {token.split(":")[1] for token in first_up("prod").components()}
    assert tiers == {"network", "keys", "blobs", "metadata", "entitlements", "shield", "edge", "dns", "identity"} | {
        "observability",
        "registry",
    }


def test_the_worker_is_bound_as_documented_and_its_keys_are_secrets() -> None:
    deployment = first_up("local")
    bound = bindings(deployment)
    assert {name: binding["type"] for name, binding in bound.items()} == {
        "ENTITLEMENTS": "kv_namespace",
        "FAILED_TOKENS": "ratelimit",
        "HOSTNAME": "plain_text",
        "METADATA_API": "plain_text",
        "METADATA_API_KEY": "secret_text",
        "ORIGIN_KEY": "secret_text",
        "PURGE_KEY": "secret_text",
        "RESERVED_PYTHON_NAMES": "plain_text",
        "SHIELD": "mtls_certificate",
        "SHIELDS": "plain_text",
        "TOKEN_REQUESTS": "ratelimit",
        "TOKEN_SIGNING_KEY": "secret_text",
        "VERSION": "plain_text",
    }
    assert bound["ENTITLEMENTS"]["namespaceId"] == deployment.outputs["entitlements"]["namespace_id"]
    assert json.loads(bound["RESERVED_PYTHON_NAMES"]["text"]) == ["acme-*"]
    assert [bound[name]["simple"] for name in ("FAILED_TOKENS", "TOKEN_REQUESTS")] == [
        {"limit": 100, "period": 60},
        {"limit": 600_000, "period": 10},
    ]
    assert bound["HOSTNAME"]["text"] == "packages.artifact-edge.test"
    assert (bound["ORIGIN_KEY"]["text"], bound["TOKEN_SIGNING_KEY"]["text"]) == (ORIGIN_KEY, SIGNING_KEY)
    assert json.loads(bound["SHIELDS"]["text"])[0] == {
        "host": "us-east-1-0.shield.artifact-edge.test:8443",
        "region": "us-east-1",
        "latitude": 38.9,
        "longitude": -77.4,
    }
    assert "bindings" in deployment.of(cloudflare.WorkersScript)["edge"].secrets
    assert "privateKey" in deployment.of(cloudflare.MtlsCertificate)["shield"].secrets
    assert not deployment.secret_outputs


def test_only_the_edge_receives_a_key() -> None:
    deployment = first_up("local")
    for registered in deployment.resources:
        plain = {name: value for name, value in registered.inputs.items() if name not in registered.secrets}
        for key in (ORIGIN_KEY, SIGNING_KEY, API_KEY, PURGE_KEY, "PRIVATE KEY"):
            assert key not in json.dumps(plain), f"{key} in {registered.type} {registered.name}"


def test_shields_fetch_from_the_nearest_bucket_first() -> None:
    machines = first_up("local").of(aws.ec2.Instance)
    for name, first, second in (("us-east-1-0", "us-east-1", "eu-west-1"), ("eu-west-1-0", "eu-west-1", "us-east-1")):
        rendered = gzip.decompress(base64.b64decode(machines[name].inputs["userDataBase64"])).decode()
        hosts = [f"artifact-edge-local-example-{region}.s3.{region}.amazonaws.com" for region in (first, second)]
        assert yaml.safe_load(rendered)["write_files"]
        assert 0 < rendered.index(hosts[0]) < rendered.index(hosts[1])


def test_dns_directs_clients_to_cloudflares_name() -> None:
    deployment = first_up("local")
    records = deployment.of(aws.route53.Record)
    assert records["edge-cloudflare"].inputs["records"] == ["artifact-edge-local.artifact-edge-zone.test"]
    answered = deployment.of(cloudflare.DnsRecord)["fallback-origin"].inputs
    assert (answered["name"], answered["proxied"]) == ("artifact-edge-local.artifact-edge-zone.test", True)
    assert deployment.of(cloudflare.CustomHostname)["hostname"].inputs["hostname"] == "packages.artifact-edge.test"
    routes = {name: each.inputs["pattern"] for name, each in deployment.of(cloudflare.WorkersRoute).items()}
    assert routes == {
        "edge": "packages.artifact-edge.test/*",
        "edge-health": "artifact-edge-local.artifact-edge-zone.test/healthz",
    }


def test_everything_that_can_be_tagged_is_tagged() -> None:
    expected = {
        "project": "artifact-edge",
        "environment": "prod",
        "owner": "platform",
        "cost-center": "production",
    }
    tagged: set[str] = set()
    for registered in first_up("prod").resources:
        argument = transforms.tag_argument(registered.type)
        if argument is not None:
            assert expected.items() <= registered.inputs[argument].items(), registered
            tagged.add(registered.type)
    assert {"aws:s3/bucket:Bucket", "aws:ec2/instance:Instance", "gcp:compute/instance:Instance"} <= tagged


@pytest.mark.parametrize(("environment", "protected"), [("local", False), ("staging", True)])
def test_irreplaceable_resources_are_protected_as_configured(environment: str, protected: bool) -> None:
    deployment = first_up(environment)
    kept = {registered.type for registered in deployment.resources if registered.protect}
    data = {"aws:s3/bucket:Bucket", "aws:dynamodb/table:Table", "aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"}
    assert kept == (data | {"aws:route53/zone:Zone"} if protected else set[str]())
    assert deployment.of(aws.dynamodb.Table)["metadata"].inputs["deletionProtectionEnabled"] is protected


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_every_alarm_links_to_a_runbook_section(environment: str) -> None:
    alarms = first_up(environment).of(aws.cloudwatch.MetricAlarm)
    assert len(alarms) > 10
    for name, alarm in alarms.items():
        file, anchor = alarm.inputs["alarmDescription"].rsplit(" ", 1)[1].split("#")
        headings = [line for line in (ROOT / file).read_text().splitlines() if line.startswith("#")]
        anchors = {re.sub(r"[^a-z0-9]+", "-", line.lstrip("# ").lower()) for line in headings}
        assert anchor in anchors, f"{name}: {file} has no heading {anchor}"


def test_every_protected_type_exists() -> None:
    for token in transforms.IRREPLACEABLE:
        assert vars(transforms.resource_class(token))["pulumi_type"] == token


def test_the_same_program_runs_on_google_alone() -> None:
    deployment = first_up("prod", ON_GOOGLE)
    (bucket,) = deployment.outputs["buckets"]
    lock = {"mode": "governance", "days": 30}
    assert bucket == {"region": "us-east4", "name": "artifact-edge-prod-example-us-east4", "store": "gcs", "lock": lock}
    assert deployment.outputs["metadata"] == {
        "backend": "spanner",
        "region": "us-east4",
        "table": "artifact-edge-prod/metadata",
        "project": "artifact-edge-prod",
    }
    of_objects = [each for each in deployment.resources if "entitlements:Sources" not in each.urn]
    deployment = replace(deployment, resources=of_objects)
    bucket = deployment.of(gcp.storage.Bucket)["us-east4"].inputs
    assert bucket["customPlacementConfig"] == {"dataLocations": ["US-EAST4", "US-EAST1"]}
    assert (bucket["location"], bucket["rpo"]) == ("US", "ASYNC_TURBO")
    assert (bucket["publicAccessPrevention"], bucket["uniformBucketLevelAccess"]) == ("enforced", True)
    assert bucket["enableObjectRetention"] is True
    assert bucket["softDeletePolicy"] == {"retentionDurationSeconds": 30 * 86400}
    logs = "artifact-edge-prod-example-logs-us-east4"
    assert bucket["logging"] == {"logBucket": logs, "logObjectPrefix": bucket["name"]}
    key = deployment.of(gcp.kms.CryptoKey)["objects"]
    assert bucket["encryption"] == {"defaultKmsKeyName": KEY_ON_GCP}
    assert (key.inputs["rotationPeriod"], key.protect) == ("7776000s", True)
    agent = deployment.of(gcp.kms.CryptoKeyIAMMember)["objects"].inputs
    assert (agent["cryptoKeyId"], agent["role"]) == (KEY_ON_GCP, "roles/cloudkms.cryptoKeyEncrypterDecrypter")
    assert re.fullmatch(
        r"serviceAccount:service-\d{12}@gs-project-accounts\.iam\.gserviceaccount\.com", agent["member"]
    )
    logs = deployment.of(gcp.storage.Bucket)["us-east4-logs"].inputs
    assert (logs["publicAccessPrevention"], logs["uniformBucketLevelAccess"]) == ("enforced", True)
    assert {"action": {"type": "Delete"}, "condition": {"age": 90}} in logs["lifecycleRules"]
    writers = deployment.of(gcp.storage.BucketIAMMember)["log-writers"].inputs
    assert (writers["role"], writers["member"]) == (
        "roles/storage.objectCreator",
        "group:cloud-storage-analytics@google.com",
    )
    reader = deployment.of(gcp.storage.BucketIAMMember)["reader-0"].inputs
    assert (reader["role"], reader["member"]) == (
        "roles/storage.objectViewer",
        "serviceAccount:artifact-edge-prod-shield@artifact-edge-prod.iam.gserviceaccount.com",
    )
    assert deployment.of(gcp.spanner.Instance)["metadata"].inputs["config"] == "nam3"


def test_google_machines_have_local_disks_and_admit_only_the_edge_and_health_checkers() -> None:
    deployment = first_up("prod")
    machine = deployment.of(gcp.compute.Instance)["asia-northeast1-0"].inputs
    assert machine["scratchDisks"] == [{"interface": "NVME"}]
    assert set(machine["shieldedInstanceConfig"].values()) == {True}
    assert machine["metadata"]["user-data"].startswith("#cloud-config\n")
    rules = deployment.of(gcp.compute.Firewall)
    opened = {rule["allows"][0]["ports"][0]: set(rule["sourceRanges"]) for rule in (r.inputs for r in rules.values())}
    assert set(opened) == {"8443", "8080"}
    assert all("0.0.0.0/0" not in sources for sources in opened.values())
