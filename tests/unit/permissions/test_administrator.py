"""Tests the IAM policy of the administrator who runs the bootstrap program. The policy must allow everything that the
program does, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from bootstrap.administrator import app, bootstrapping
from emulation.aws.required_permissions import RequiredPermission
from emulation.providers.aws import handlers
from emulation.providers.aws.clients import client
from emulation.providers.schema import token_of
from infra.iam import Statement, document
from tests.support.bootstrap_stack import BUCKET, bootstrap_up, bootstrapping_role
from tests.support.role_credentials import role_credentials
from tests.support.service_authorization import findings, is_evaluated

ACCOUNT = "123456789012"
# The actions that can delete Pulumi's state, and those that can delete or disable the state's encryption key.
DESTRUCTIVE = (
    "s3:DeleteBucket",
    "s3:DeleteObjectVersion",
    "s3:BypassGovernanceRetention",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
)


def statements() -> Sequence[Statement]:
    return bootstrapping(ACCOUNT, "us-east-1", BUCKET)


@pytest.mark.usefixtures("aws_cloud")
def test_the_policy_is_enough_to_create_read_change_and_replace() -> None:
    needed = set[RequiredPermission]()
    known = {token_of(handler.resource): handler for handler in handlers()}
    with role_credentials(bootstrapping_role(statements()), needed):
        resources = [(known[each.type], each) for each in bootstrap_up().resources if each.type in known]
        assert len(resources) > 20
        for handler, each in resources:
            assert handler.read(each.id, each.outputs) is not None, each.name
            handler.update(each.id, each.outputs, each.inputs)
        roles = [(handler, each) for handler, each in resources if each.type.startswith(("aws:iam/r", "aws:iam/p"))]
        assert len(roles) > 10
        for handler, each in reversed(roles):
            handler.delete(each.id, each.outputs)
    assert {each for each in needed if not is_evaluated(each.action, each.resource)} == set()


@pytest.mark.usefixtures("aws_cloud")
def test_the_policy_is_enough_for_the_state_of_bootstrap_in_its_bucket() -> None:
    role = bootstrapping_role(statements())
    bootstrap_up()
    with role_credentials(role, set()):
        s3, kms = client("s3"), client("kms")
        s3.put_object(Bucket=BUCKET, Key="bootstrap/.pulumi/meta.yaml", Body=b"version: 1")
        assert s3.list_objects_v2(Bucket=BUCKET, Prefix="bootstrap/")["KeyCount"] == 1
        secret = kms.encrypt(KeyId="alias/artifact-edge-state", Plaintext=b"secret")["CiphertextBlob"]
        assert kms.decrypt(KeyId="alias/artifact-edge-state", CiphertextBlob=secret)["Plaintext"] == b"secret"
        with pytest.raises(Exception, match=f"s3:PutObject on resource: arn:aws:s3:::{BUCKET}/prod/"):
            s3.put_object(Bucket=BUCKET, Key="prod/.pulumi/meta.yaml", Body=b"version: 1")


@pytest.mark.usefixtures("aws_cloud")
@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("iam", "create_role", {"RoleName": "other", "AssumeRolePolicyDocument": "{}"}),
        ("iam", "create_policy", {"PolicyName": "other", "PolicyDocument": "{}"}),
        ("iam", "create_open_id_connect_provider", {"Url": "https://idp.example"}),
        ("s3", "create_bucket", {"Bucket": "other"}),
        ("kms", "create_key", {"Tags": [{"TagKey": "environment", "TagValue": "prod"}]}),
    ],
)
def test_nothing_outside_of_bootstrap_can_be_created(service: str, operation: str, parameters: Any) -> None:
    with (
        role_credentials(bootstrapping_role(statements()), set()),
        pytest.raises(Exception, match="not authorized to perform"),
    ):
        getattr(client(service), operation)(**parameters)


def test_no_statement_allows_to_delete_the_state_or_its_key() -> None:
    actions = [action for statement in statements() for action in statement["Action"]]
    assert not set(DESTRUCTIVE) & set(actions)
    assert not [action for action in actions if action.endswith((":*", ":Delete*", ":Put*", ":Schedule*"))]


def test_the_policy_has_no_mistake_and_fits_into_a_managed_policy() -> None:
    printed = CliRunner().invoke(app, ["--account", ACCOUNT])
    assert printed.exit_code == 0, printed.output
    policy = json.loads(printed.output)
    # The file bootstrap/Pulumi.bootstrap.yaml sets `artifact-edge-state-example` as the bucket for Pulumi's state.
    assert policy == json.loads(document(bootstrapping(ACCOUNT, "us-east-1", "artifact-edge-state-example")))
    assert list(findings(policy)) == []
    # IAM limits the length of a policy. White space does not count (IAM User Guide, "IAM and AWS STS quotas").
    assert len("".join(printed.output.split())) <= 6144
