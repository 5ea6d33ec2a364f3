"""Tests that the roles of the bootstrap program have all permissions that a deployment needs. The tests make each API
call with a role's credentials.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from bootstrap.permissions import deploying, reading, state_access
from contract.secrets import SecretName, secret_id
from emulation.aws.policies import AuthorizationRequest, is_allowed
from emulation.aws.required_permissions import RequiredPermission
from emulation.providers.aws import handlers
from emulation.providers.aws.clients import client
from emulation.providers.handler import Handler, Properties
from emulation.providers.schema import token_of
from infra.iam import document
from tests.support.bootstrap_stack import bootstrap_up
from tests.support.harness import Deployment, Registered
from tests.support.role_credentials import role_credentials
from tests.support.service_authorization import is_evaluated
from tests.support.stacks import ON_GOOGLE, PROD_WITH_ACCELERATOR, WITH_ACCELERATOR, as_config, brought_up, stack_config

# Settings for provisioned capacity, which no environment uses. With these settings, AWS Application Auto Scaling scales
# the metadata table.
PROVISIONED: Mapping[str, Any] = {
    "metadata": {**json.loads(stack_config("prod")["artifact-edge:metadata"]), "capacity": "provisioned"}
}
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
# The stack with this PoP declares objects, which the role that detects drift reads too.
WITH_POP: Mapping[str, Any] = {"pops": PROD_WITH_ACCELERATOR["pops"]}
# Stacks that differ from `prod`. A deployment of `dev` with an accelerator needs all permissions that `dev` needs with
# and without PoPs. `staging` needs no permission that `prod` does not need.
STACKS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "dev with an accelerator": ("dev", WITH_ACCELERATOR),
    "prod on Google Cloud": ("prod", ON_GOOGLE),
}


def deployed_by_its_role(
    environment: str, changes: Mapping[str, Any], directory: Path
) -> tuple[Deployment, set[RequiredPermission]]:
    """Runs `pulumi up` of an environment with the credentials of its deploy role.

    Returns the deployment, and the permissions that its API calls require.
    """
    bootstrap_up(environments=json.dumps(["dev", "prod", "staging"]))
    config = stack_config(environment) | as_config(changes)
    needed = set[RequiredPermission]()
    deployment, _ = brought_up(environment, config, directory, role_credentials(deploy_role(environment), needed))
    return deployment, needed


def deploy_role(environment: str) -> str:
    return f"artifact-edge-bootstrap-{environment}-deploy"


def mistakes(needed: set[RequiredPermission]) -> set[RequiredPermission]:
    """Returns the permissions in `needed` that AWS's Service Authorization Reference does not list. The real AWS does
    not check such a permission. The emulated AWS must therefore not require it.
    """
    assert needed
    return {each for each in needed if not is_evaluated(each.action, each.resource)}


def on_aws(deployment: Deployment) -> list[tuple[Handler, Registered]]:
    """Returns the AWS resources of a deployment in the order of their creation. Each resource is paired with the
    handler of its resource type.
    """
    known = {token_of(handler.resource): handler for handler in handlers()}
    return [(known[each.type], each) for each in deployment.resources if each.type in known]


def without_protection(inputs: Properties) -> Properties:
    """Disables deletion protection in a resource's inputs, if the inputs have this setting. Returns the inputs."""
    if "deletionProtectionEnabled" not in inputs:
        return inputs
    replicas = [{**each, "deletionProtectionEnabled": False} for each in inputs.get("replicas", [])]
    return {**inputs, "deletionProtectionEnabled": False, **({"replicas": replicas} if replicas else {})}


@pytest.mark.usefixtures("aws_cloud")
@pytest.mark.parametrize(("environment", "changes"), STACKS.values(), ids=STACKS)
def test_the_deploy_role_may_create_every_resource(
    environment: str, changes: Mapping[str, Any], tmp_path: Path
) -> None:
    deployment, needed = deployed_by_its_role(environment, changes, tmp_path)
    assert len(on_aws(deployment)) > 40
    assert mistakes(needed) == set()


@pytest.mark.usefixtures("aws_cloud")
def test_the_roles_of_prod_may_read_change_and_delete_every_resource(tmp_path: Path) -> None:
    deployment, needed = deployed_by_its_role("prod", {**PROVISIONED, **WITH_POP}, tmp_path)
    resources = on_aws(deployment)
    assert len(resources) > 200
    with role_credentials("artifact-edge-bootstrap-prod-drift", needed):
        for handler, each in resources:
            assert handler.read(each.id, each.outputs) is not None, each.name
    with role_credentials(deploy_role("prod"), needed):
        for handler, each in resources:
            handler.update(each.id, each.outputs, without_protection(each.inputs))
        for handler, each in reversed(resources):
            if each.type == OBJECT:
                continue  # Pulumi keeps these objects (infra/pop/release.py)
            handler.delete(each.id, {**each.outputs, "forceDestroy": True})
    assert mistakes(needed) == set()


TARGET = "arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/1"
ACCELERATOR = "arn:aws:globalaccelerator::123456789012:accelerator/1"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("application-autoscaling:TagResource", TARGET),
        ("application-autoscaling:UntagResource", TARGET),
        ("globalaccelerator:TagResource", ACCELERATOR),
    ],
)
def test_the_deploy_role_may_change_one_tag_of_what_it_has_created(action: str, resource: str) -> None:
    """The provider sends only the tags that change, so a request usually lacks the tag `environment`."""
    policy = json.loads(document(deploying("123456789012", "dev")))

    def may(environment: str) -> bool:
        request = AuthorizationRequest("", "", resource, action, {"aws:ResourceTag/environment": environment})
        return is_allowed(request, [policy], None, None)

    assert may("dev")
    assert not may("prod")


# The secrets that a preview of the program and the other steps of the workflow `drift` read.
READ_BY_DRIFT = {"cloudflare-read", "edge", "metadata-api", "purge-signing"}


@pytest.mark.parametrize("name", get_args(SecretName))
def test_the_role_that_detects_drift_reads_no_secret_that_it_does_not_need(name: SecretName) -> None:
    """In particular, the role does not read the API token with which a deployment changes Cloudflare, nor the key of
    the authority that the shields trust.
    """
    policy = json.loads(document(reading("123456789012", "dev", may_write=False)))
    secret = f"arn:aws:secretsmanager:us-east-1:123456789012:secret:{secret_id('dev', name)}-a1b2c3"
    request = AuthorizationRequest("", "", secret, "secretsmanager:GetSecretValue", {})
    assert is_allowed(request, [policy], None, None) is (name in READ_BY_DRIFT)


def test_the_policies_of_a_role_are_not_too_long() -> None:
    """IAM allows 10,240 characters, without white space, in all inline policies of a role together (IAM User Guide,
    "IAM and AWS STS quotas").
    """
    account, environment = "123456789012", "e" * 20
    state = state_access("b" * 58, f"arn:aws:kms:us-east-1:{account}:key/{'0' * 36}", environment, may_write=True)
    read = document(reading(account, environment, may_write=True))
    documents = [document(state), read, document(deploying(account, environment))]
    assert sum(len("".join(each.split())) for each in documents) <= 10_240


@pytest.mark.usefixtures("aws_cloud")
def test_a_missing_permission_of_the_deploy_role_is_reported_by_name(tmp_path: Path) -> None:
    bootstrap_up(environments=json.dumps(["dev"]))
    iam, role = client("iam"), deploy_role("dev")
    document = iam.get_role_policy(RoleName=role, PolicyName="change")["PolicyDocument"]
    document["Statement"] = [each for each in document["Statement"] if each["Action"] != ["sqs:*"]]
    iam.put_role_policy(RoleName=role, PolicyName="change", PolicyDocument=json.dumps(document))
    missing = "sqs:CreateQueue on resource: arn:aws:sqs:us-east-1:123456789012:artifact-edge-dev-"
    with pytest.raises(Exception, match=f"not authorized to perform: {missing}"):
        brought_up("dev", stack_config("dev"), tmp_path, role_credentials(role, set()))
