"""Tests the repair of a Pulumi state after someone killed the Pulumi engine during the creation of resources. For each
such resource, the repair searches the cloud. If the resource exists, the repair adds it to the state.
"""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError

from drift import DriftError, cloud_monitoring, search
from drift.identifiers import WITHOUT_TRACE, identifier
from drift.pending import adopt
from emulation.cloudflare import in_process
from emulation.providers.aws.clients import client
from tests.support.google_session import connect
from tests.support.harness import Registered, aws_account
from tests.support.stacks import ON_GOOGLE, as_config, brought_up, stack_config

BUCKET = "aws:s3/bucket:Bucket"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
VPC = "aws:ec2/vpc:Vpc"


POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
PROD = {name.removeprefix("artifact-edge:"): value for name, value in stack_config("prod").items()}
# Settings for optional features. With these settings, the stack `prod` also creates the AWS resources of the features.
WITH_OPTIONS = {
    "metadata": {**json.loads(PROD["metadata"]), "capacity": "provisioned"},
    "blobs": {**json.loads(PROD["blobs"]), "standby": ["us-east1", "us-east4"]},
    "pops": [{"region": "us-west-2", "machine_type": "i4i.large", "nodes": 1}],
    "pops_reached_by": "global-accelerator",
}


def deployed(changes: Mapping[str, Any]) -> Iterator[list[Registered]]:
    """Deploys the stack `prod` with changed settings, and yields its resources while they exist."""
    config = stack_config("prod") | as_config(changes)
    with aws_account(), tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        deployment, project = brought_up("prod", config, Path(directory))
        patch.setattr(search, "Cloudflare", lambda: in_process.client(Path(directory)))
        connect(patch, project)
        yield [
            each
            for each in deployment.resources
            if each.id and not each.type.startswith(("artifact-edge:", *WITHOUT_TRACE))
        ]


@pytest.fixture(scope="module")
def resources(request: pytest.FixtureRequest) -> Iterator[list[Registered]]:
    """Deploys the stack `prod`, and provides its resources. The fixture's parameter contains the settings that override
    prod's config. Each stack is removed before the next one is deployed.
    """
    yield from deployed(request.param)


# Runs a test on a variant of the stack `prod` with machines on AWS and on Google Cloud.
on_both = pytest.mark.parametrize("resources", [WITH_OPTIONS], indirect=True, ids=["both"])
# Runs a test on a variant of the stack `prod` whose objects, metadata and machines are on Google Cloud.
on_google = pytest.mark.parametrize("resources", [ON_GOOGLE], indirect=True, ids=["google"])


def check_that_each_is_found(resources: list[Registered]) -> None:
    for each in resources:
        id = identifier(each.type, each.inputs)
        candidates = search.found(each.type, each.inputs) if id is None else [id]
        assert candidates is not None, f"no search knows {each.type}"
        assert each.id in list(candidates), f"{each.type} {each.name}"


@on_both
def test_each_resource_of_a_stack_is_found_by_its_inputs(resources: list[Registered]) -> None:
    assert len({each.type for each in resources}) > 60
    check_that_each_is_found(resources)


@on_both
def test_a_machine_that_was_terminated_is_not_found(resources: list[Registered]) -> None:
    machine = next(each for each in resources if each.type == "aws:ec2/instance:Instance")
    client("ec2", machine.outputs).terminate_instances(InstanceIds=[machine.id])
    assert machine.id not in list(search.found(machine.type, machine.inputs) or [])


@on_google
def test_each_resource_of_a_stack_on_google_cloud_is_found_by_its_inputs(resources: list[Registered]) -> None:
    assert len({each.type for each in resources if each.type.startswith("gcp:")}) > 20
    check_that_each_is_found(resources)


@on_google
def test_an_alerting_policy_is_added_with_its_name_by_which_the_provider_reads_it(resources: list[Registered]) -> None:
    """Pulumi's provider reads an alerting policy by the output `name` in the state. When the repair of a state adds an
    alerting policy, it must therefore set this output to the policy's id.
    """
    policy = next(each for each in resources if each.type == POLICY)
    deployment: dict[str, Any] = {"pending_operations": [operation(POLICY, policy.name, **policy.inputs)]}
    assert adopt(deployment, search.found) == []
    (added,) = deployment["resources"]
    assert (added["id"], added["outputs"]["name"]) == (policy.id, policy.id)
    assert list(search.found(POLICY, {**policy.inputs, "displayName": "other"}) or []) == []


def test_a_missing_login_to_google_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(scopes: list[str]) -> None:
        raise DefaultCredentialsError("no credentials")

    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN", raising=False)
    monkeypatch.setattr(google.auth, "default", nobody)
    with pytest.raises(DriftError, match="no credentials; log in with `gcloud auth application-default login`"):
        list(cloud_monitoring.policies({"project": "any", "displayName": "any"}))


def operation(type_token: str, name: str, kind: str = "creating", /, **inputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:prod::artifact-edge::{type_token}::{name}"
    return {"type": kind, "resource": {"urn": urn, "type": type_token, "custom": True, "inputs": inputs}}


def resource(type_token: str, name: str, id: str) -> dict[str, Any]:
    return {**operation(type_token, name)["resource"], "id": id}


def nothing(type_token: str, inputs: Any) -> list[str]:
    return []


def test_a_named_resource_is_added_with_its_inputs_for_the_refresh_to_check() -> None:
    deployment = {"pending_operations": [operation(BUCKET, "blobs", bucket="b", region="eu-west-1")]}
    assert adopt(deployment, nothing) == []
    added = resource(BUCKET, "blobs", "b") | {"inputs": {"bucket": "b", "region": "eu-west-1"}}
    assert deployment == {"pending_operations": [], "resources": [added | {"outputs": added["inputs"]}]}


def test_two_pending_creations_with_the_same_inputs_get_different_resources() -> None:
    deployment: dict[str, Any] = {
        "resources": [resource(VPC, "known", "vpc-1")],
        "pending_operations": [operation(VPC, name) for name in ("first", "second", "third")],
    }
    assert adopt(deployment, lambda type_token, inputs: ["vpc-1", "vpc-2", "vpc-3"]) == []
    assert [each["id"] for each in deployment["resources"]] == ["vpc-1", "vpc-2", "vpc-3"]


def test_resources_with_the_same_name_in_two_regions_are_both_added() -> None:
    in_europe = operation(LOG_GROUP, "europe", name="/logs", region="eu-west-1")["resource"]
    deployment: dict[str, Any] = {
        "resources": [{**in_europe, "id": "/logs"}],
        "pending_operations": [operation(LOG_GROUP, "america", name="/logs", region="us-east-1")],
    }
    assert adopt(deployment, nothing) == []
    assert [each["inputs"]["region"] for each in deployment["resources"]] == ["eu-west-1", "us-east-1"]


def test_the_resource_that_a_new_one_replaces_is_deleted_later() -> None:
    deployment: dict[str, Any] = {
        "resources": [resource(VPC, "network", "vpc-1")],
        "pending_operations": [operation(VPC, "network")],
    }
    unchanged = copy.deepcopy(deployment["resources"])
    assert adopt(copy.deepcopy(deployment) | {"resources": unchanged}, nothing) == []
    assert unchanged == [resource(VPC, "network", "vpc-1")]
    adopt(deployment, lambda type_token, inputs: ["vpc-2"])
    assert [(each["id"], each.get("delete", False)) for each in deployment["resources"]] == [
        ("vpc-1", True),
        ("vpc-2", False),
    ]


def test_operations_on_known_resources_are_left_to_the_refresh() -> None:
    deployment: dict[str, Any] = {
        "resources": [resource(VPC, "network", "vpc-1")],
        "pending_operations": [operation(VPC, "network", "deleting"), operation(BUCKET, "blobs", "updating")],
    }
    assert adopt(deployment, nothing) == []
    assert deployment == {"resources": [resource(VPC, "network", "vpc-1")], "pending_operations": []}


def test_a_creation_of_an_unknown_type_stays_pending_and_is_named() -> None:
    pending = operation("aws:ec2/natGateway:NatGateway", "way-out")
    deployment: dict[str, Any] = {"pending_operations": [pending]}
    assert adopt(deployment, search.found) == [pending["resource"]["urn"]]
    assert deployment["pending_operations"] == [pending]
