"""Tests that resources which a killed Pulumi engine was creating are added to the Pulumi state if they exist."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drift import search
from drift.identifiers import WITHOUT_TRACE, identifier
from drift.pending import adopt
from emulation.cloudflare import in_process
from emulation.providers.aws.clients import client
from tests.support.harness import Registered, aws_account
from tests.support.stacks import brought_up, stack_config

BUCKET = "aws:s3/bucket:Bucket"
VPC = "aws:ec2/vpc:Vpc"


@pytest.fixture(scope="module")
def resources() -> Iterator[list[Registered]]:
    """Deploys the stack `prod`, which has machines in both clouds, and provides its resources while they exist."""
    with aws_account(), tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        deployment, _ = brought_up("prod", stack_config("prod"), Path(directory))
        patch.setattr(search, "Cloudflare", lambda: in_process.client(Path(directory)))
        yield [
            each
            for each in deployment.resources
            if each.id and not each.type.startswith(("artifact-edge:", *WITHOUT_TRACE))
        ]


def test_each_resource_of_a_stack_is_found_by_its_inputs(resources: list[Registered]) -> None:
    assert len({each.type for each in resources}) > 50
    for each in resources:
        id = identifier(each.type, each.inputs)
        candidates = search.found(each.type, each.inputs) if id is None else [id]
        assert candidates is not None, f"no search knows {each.type}"
        assert each.id in list(candidates), f"{each.type} {each.name}"


def operation(type_token: str, name: str, kind: str = "creating", **inputs: Any) -> dict[str, Any]:
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


def test_a_machine_that_was_terminated_is_not_found(resources: list[Registered]) -> None:
    machine = next(each for each in resources if each.type == "aws:ec2/instance:Instance")
    client("ec2", machine.outputs).terminate_instances(InstanceIds=[machine.id])
    assert machine.id not in list(search.found(machine.type, machine.inputs) or [])
