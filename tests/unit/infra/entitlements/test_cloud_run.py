"""Tests two Cloud Run services of a stack whose database is Spanner. One is the metadata API. The other is the token
sync, which writes tokens to Workers KV.

The tests run the Pulumi program, and read the result from the emulated Google Cloud and AWS IAM. A refresh must find no
drift.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pulumi
import pulumi_gcp as gcp
import pytest

from emulation.gcp import in_process
from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from emulation.providers.gcp import functions as google_functions
from emulation.providers.gcp import handlers as google_handlers
from emulation.providers.handler import CloudError
from infra.entitlements import CloudRunMetadataApiArgs, CloudRunTokenSyncArgs
from infra.entitlements.cloud_run import CloudRunMetadataApi, CloudRunTokenSync
from infra.metadata import MetadataArgs
from infra.metadata.spanner import SpannerMetadata
from infra.serverless import SourcesArgs
from infra.serverless.package import pack
from infra.serverless.source_bucket import Sources
from tests.support.harness import Deployment, aws_account, deploy

ROOT = Path(__file__).parents[4]
PREFIX = "artifact-edge-test"
SERVICES = "run/v2/projects/unit/locations/us-east4/services"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> httpx.Client:
    """Provides a client of the Google Cloud project of `up`."""
    return in_process.client(tmp_path_factory.mktemp("cloud"))


@pytest.fixture(scope="module")
def up(cloud: httpx.Client) -> Iterator[Deployment]:
    """Deploys the services once. The test of a refresh, which changes the code, makes a deployment of its own."""
    with aws_account():
        yield deployed(cloud)


def deployed(cloud: httpx.Client, prefix: str = PREFIX) -> Deployment:
    def program() -> None:
        metadata = SpannerMetadata("metadata", MetadataArgs(prefix, ["us-east4"], protect=False))
        sources = Sources("code", SourcesArgs(f"{prefix}-example", ["us-east4"], 30, 30, removable=True))
        brought = ["urllib3", "waitress"]
        secret = "test/metadata-api", "us-east-1"
        code = pack(ROOT, "workers.entitlements.answer", brought)
        api = CloudRunMetadataApi(
            "metadata-api", CloudRunMetadataApiArgs(prefix, metadata.changes, *secret, code, sources.bucket)
        )
        following = pack(ROOT, "workers.entitlements.follow", brought)
        place = "0" * 32, "n" * 32
        follower = CloudRunTokenSync(
            "entitlements",
            CloudRunTokenSyncArgs(
                prefix, metadata.changes, *place, "test/edge-kv", "us-east-1", following, sources.bucket
            ),
        )
        pulumi.export("url", api.url)
        pulumi.export("alarms", [alarm.name for alarm in [*api.alarms, *follower.alarms]])

    return deploy(
        program,
        [*handlers(), *google_handlers(lambda: cloud)],
        [*functions(), *google_functions(lambda: cloud)],
        config={"aws:region": "us-east-1", "gcp:project": "unit"},
    )


def document_at(cloud: httpx.Client, path: str) -> Any:
    return cloud.get(path).raise_for_status().json()


def bindings(document: Any) -> dict[str, list[str]]:
    return {each["role"]: each["members"] for each in document["iam"]["bindings"]}


def account(name: str) -> str:
    return f"serviceAccount:{PREFIX}-{name}@unit.iam.gserviceaccount.com"


@pytest.mark.usefixtures("up")
def test_one_follower_always_runs_and_the_api_scales_to_zero(cloud: httpx.Client) -> None:
    follower = document_at(cloud, f"{SERVICES}/{PREFIX}-entitlements")
    assert follower["template"]["scaling"] == {"minInstanceCount": 1, "maxInstanceCount": 1}
    (container,) = follower["template"]["containers"]
    assert container["resources"]["cpuIdle"] is False
    assert container["args"] == ["-m", "workers.entitlements.follow"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert follower["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    api = document_at(cloud, f"{SERVICES}/{PREFIX}-metadata-api")
    assert api["template"]["scaling"] == {"minInstanceCount": 0, "maxInstanceCount": 10}
    assert api["template"]["containers"][0]["resources"]["cpuIdle"] is True


@pytest.mark.usefixtures("up")
def test_only_the_api_allows_unauthenticated_calls(cloud: httpx.Client) -> None:
    assert bindings(document_at(cloud, f"{SERVICES}/{PREFIX}-metadata-api")) == {"roles/run.invoker": ["allUsers"]}
    assert bindings(document_at(cloud, f"{SERVICES}/{PREFIX}-entitlements")) == {}


@pytest.mark.usefixtures("up")
def test_each_service_has_only_the_permissions_it_needs(cloud: httpx.Client) -> None:
    database = document_at(cloud, f"spanner/v1/projects/unit/instances/{PREFIX}/databases/metadata")
    assert bindings(database) == {
        "roles/spanner.databaseUser": [account("follow")],
        "roles/spanner.databaseReader": [account("answer")],
    }
    topic = document_at(cloud, f"pubsub/v1/projects/unit/topics/{PREFIX}-entitlements-dead")
    assert bindings(topic) == {"roles/pubsub.publisher": [account("follow")]}


@pytest.mark.parametrize(("name", "secret"), [("follow", "test/edge-kv"), ("answer", "test/metadata-api")])
def test_each_service_assumes_a_role_that_reads_only_its_secret(up: Deployment, name: str, secret: str) -> None:
    iam = client("iam")
    role = iam.get_role(RoleName=f"{PREFIX}-{name}")["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    (unique_id,) = [
        made.outputs["uniqueId"]
        for made in up.of(gcp.serviceaccount.Account).values()
        if made.inputs["accountId"] == f"{PREFIX}-{name}"
    ]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"]["StringEquals"]["accounts.google.com:sub"] == [unique_id]
    assert trust["Condition"]["StringEquals"]["accounts.google.com:oaud"] == role["Arn"]
    policy = iam.get_role_policy(RoleName=f"{PREFIX}-{name}", PolicyName="read-secret")["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert statement["Action"] == ["secretsmanager:GetSecretValue"]
    assert statement["Resource"] == [f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{secret}-??????"]


@pytest.mark.usefixtures("up")
def test_no_secret_is_in_the_environment_and_all_settings_are(cloud: httpx.Client) -> None:
    common = {"AWS_ROLE_ARN", "SECRET_ID", "SECRET_REGION", "DATABASE"}
    more = {"CHANGE_STREAM", "ACCOUNT_ID", "NAMESPACE_ID", "DEAD_LETTERS"}
    for name, expected in ((f"{PREFIX}-entitlements", common | more), (f"{PREFIX}-metadata-api", common)):
        (container,) = document_at(cloud, f"{SERVICES}/{name}")["template"]["containers"]
        variables = {each["name"]: each["value"] for each in container["env"]}
        assert variables.keys() == expected
        assert variables["DATABASE"] == f"projects/unit/instances/{PREFIX}/databases/metadata"


@pytest.mark.usefixtures("up")
def test_dead_letters_are_kept_for_pub_subs_maximum(cloud: httpx.Client) -> None:
    kept = document_at(cloud, f"pubsub/v1/projects/unit/subscriptions/{PREFIX}-entitlements-dead")
    assert (kept["messageRetentionDuration"], kept["expirationPolicy"]) == ("2678400s", {"ttl": ""})


def test_every_kind_of_delay_has_a_separate_alarm(up: Deployment) -> None:
    names = up.outputs["alarms"]
    assert len(set(names)) == len(names)
    assert {"entitlements-gone", "entitlements-ill", "entitlements-given-up", "metadata-api-fails"} <= set(names)


def test_a_refresh_finds_no_drift_and_new_code_is_a_new_revision(aws_cloud: None, tmp_path: Path) -> None:
    cloud = in_process.client(tmp_path)
    deployment = deployed(cloud, "artifact-edge-other")
    made = deployment.of(gcp.cloudrunv2.Service)["entitlements"]
    by_type = {handler.resource: handler for handler in google_handlers(lambda: cloud)}
    for kind in (gcp.cloudrunv2.Service, gcp.pubsub.Topic, gcp.pubsub.Subscription, gcp.storage.BucketObject):
        for each in deployment.of(kind).values():
            id = _identity(kind, each.inputs)
            read = by_type[kind].read(id, each.outputs)
            assert read is not None
            assert {name: read[name] for name in each.inputs} == each.inputs, each.type
    source = made.inputs["template"]["containers"][0]["sourceCode"]["cloudStorageSource"]
    code = deployment.of(gcp.storage.BucketObject)["entitlements"]
    again = by_type[gcp.storage.BucketObject].update("", code.outputs, code.inputs)
    assert source["generation"] == str(code.outputs["generation"]) != str(again["generation"])


def test_an_image_is_refused(tmp_path: Path) -> None:
    cloud = in_process.client(tmp_path)
    service = next(each for each in google_handlers(lambda: cloud) if each.resource is gcp.cloudrunv2.Service)
    arguments = {"project": "unit", "location": "us-east4", "name": "x"}
    with pytest.raises(CloudError, match=r"not emulated: the image docker\.io/x"):
        service.create({**arguments, "template": {"containers": [{"image": "docker.io/x"}]}})


def _identity(kind: type[Any], inputs: Any) -> str:
    project = f"projects/{inputs.get('project')}"
    return {
        gcp.cloudrunv2.Service: f"{project}/locations/{inputs.get('location')}/services/{inputs['name']}",
        gcp.pubsub.Topic: f"{project}/topics/{inputs['name']}",
        gcp.pubsub.Subscription: f"{project}/subscriptions/{inputs['name']}",
    }.get(kind, "")
