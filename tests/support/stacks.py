"""Deploys the stacks of this repository in the test's process, without the Pulumi engine. The resource handlers of the
emulated Pulumi providers create the resources. The engine would call the same handlers.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from cryptography.x509.oid import ExtendedKeyUsageOID

from bootstrap.permissions import within_boundary
from emulation import pki
from emulation.aws.certificates import patch_certificates
from emulation.cloudflare import in_process
from emulation.cloudflare.public_dns import PublicDns
from emulation.cloudflare.zone_owner import active_zone
from emulation.gcp import in_process as google
from emulation.providers import aws as emulated_aws
from emulation.providers import cloudflare as emulated_cloudflare
from emulation.providers import gcp as emulated_gcp
from emulation.providers.aws.clients import client
from infra.iam import document
from stacks.config import load_current
from stacks.network import compose
from tests.support.harness import Deployment, aws_account, deploy

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("local", "dev", "staging", "prod")
# Stack config with PoPs on machines of our own. None of the repository's stack files has such PoPs.
WITH_POPS: Mapping[str, Any] = {
    "pops": [
        {"region": "us-west-2", "machine_type": "i4i.large", "nodes": 2},
        {"region": "eu-west-1", "machine_type": "i4i.large", "nodes": 1},
    ]
}
# Stack config with the same PoPs as WITH_POPS. Clients reach the PoPs through AWS Global Accelerator.
WITH_ACCELERATOR: Mapping[str, Any] = {**WITH_POPS, "pops_reached_by": "global-accelerator"}
# Stack config with a PoP on Google Cloud beside a PoP on AWS. The objects and the metadata are on AWS. The PoPs are
# chosen by geoproximity. The DNS records of latency-based routing exist too, as in every stack with PoPs.
WITH_POPS_ON_GOOGLE: Mapping[str, Any] = {
    "pops": [
        {"cloud": "gcp", "region": "europe-west4", "machine_type": "n2-standard-2", "nodes": 2},
        {"region": "us-west-2", "machine_type": "i4i.large", "nodes": 1},
    ],
    "pops_routing": "geoproximity",
}
# Stack config with PoPs on Google Cloud only. Clients reach the PoPs through Google's load balancer.
WITH_BALANCER: Mapping[str, Any] = {
    "pops": [WITH_POPS_ON_GOOGLE["pops"][0]],
    "pops_reached_by": "google-load-balancer",
}
ON_GOOGLE: Mapping[str, Any] = {
    "blobs": {"store": "gcs", "regions": ["us-east4", "us-east1"], "lock": "governance"},
    "metadata": {"store": "spanner", "regions": ["us-east4", "us-east1"]},
    "shields": [{"cloud": "gcp", "region": "us-east4", "machine_type": "n2-standard-8", "nodes": 2}],
}
# Stack config of `prod` with our own PoPs, which clients reach through Global Accelerator. The policy settings of
# `prod` permit this machine type.
PROD_WITH_ACCELERATOR: Mapping[str, Any] = {
    "pops": [{"region": "us-west-2", "machine_type": "i4i.2xlarge", "nodes": 1}],
    "pops_reached_by": "global-accelerator",
}
# Stack config of `prod` with our own PoPs on Google Cloud, which clients reach through Google's load balancer.
PROD_WITH_BALANCER: Mapping[str, Any] = {
    "pops": [{"cloud": "gcp", "region": "us-east4", "machine_type": "n2-standard-8", "nodes": 1}],
    "pops_reached_by": "google-load-balancer",
}
ACCOUNT = "123456789012"
ORIGIN_KEY, SIGNING_KEY, API_KEY, PURGE_KEY = "o" * 43, "s" * 43, "a" * 43, "p" * 43


def stack_config(environment: str) -> dict[str, str]:
    """Returns the stack's config in the form that the Pulumi program receives. Every value is a string. Objects are
    encoded as JSON.
    """
    document: dict[str, Any] = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text())
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in document["config"].items()}


def prod_with_standby() -> Mapping[str, Any]:
    """Returns stack config of `prod` with a standby, which is a copy of the objects on the other cloud."""
    blobs = json.loads(stack_config("prod")["artifact-edge:blobs"])
    return {"blobs": {**blobs, "standby": ["us-east4", "us-east1"]}}


def as_config(settings: Mapping[str, Any]) -> dict[str, str]:
    """Returns settings of the config namespace `artifact-edge` in the form that the Pulumi program receives. Every
    value is a string.
    """
    return {
        f"artifact-edge:{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in settings.items()
    }


def first_up(environment: str, changes: Mapping[str, Any] | None = None, *, stack: str = "") -> Deployment:
    """Returns the result of a first `pulumi up` with an environment's config. `changes` overrides values of this
    config.

    Tests with the same arguments share one deployment, so no test may change the result. The stack is named after the
    environment unless `stack` is given.
    """
    return _first_up(environment, json.dumps(changes or {}, sort_keys=True), stack or environment)


@cache
def _first_up(environment: str, changes: str, stack: str) -> Deployment:
    with aws_account(), tempfile.TemporaryDirectory() as directory:
        config = stack_config(environment) | as_config(json.loads(changes))
        return brought_up(stack, config, Path(directory))[0]


def brought_up(
    stack: str,
    config: dict[str, str],
    directory: Path,
    credentials: AbstractContextManager[object] | None = None,
) -> tuple[Deployment, httpx.Client]:
    """Runs a first `pulumi up` in the current emulated AWS account.

    The Pulumi program uses the AWS credentials in `credentials`. The preparation of the account uses the default
    credentials. Returns the deployment and a client of the stack's Google Cloud project.
    """
    patch_certificates(lambda: pki.Authority(directory))
    account = in_process.client(directory, resolve=PublicDns())
    edge = json.loads(config["artifact-edge:edge"])
    active_zone(account, edge["account_id"], edge["zone"])
    project = google.client(directory)
    write_edge_secret(stack, directory)
    create_boundary(config)
    with credentials or nullcontext():
        deployment = deploy(
            lambda: compose(load_current()),
            [
                *emulated_aws.handlers(),
                *emulated_cloudflare.handlers(lambda: account),
                *emulated_gcp.handlers(lambda: project),
            ],
            [
                *emulated_aws.functions(),
                *emulated_cloudflare.functions(lambda: account),
                *emulated_gcp.functions(lambda: project),
            ],
            stack=stack,
            config=config,
        )
    return deployment, project


def create_boundary(config: Mapping[str, str]) -> None:
    """Creates the IAM policy that is the permissions boundary of the stack's roles, unless the policy exists already.

    In a real account, the bootstrap program creates this policy.
    """
    name = config.get("artifact-edge:permissions_boundary", "").rpartition("/")[2]
    existing = [policy.get("PolicyName") for policy in client("iam").list_policies(Scope="Local")["Policies"]]
    if name and name not in existing:
        environment = name.removeprefix("artifact-edge-bootstrap-").removesuffix("-boundary")
        statements = within_boundary(ACCOUNT, environment)
        client("iam").create_policy(PolicyName=name, PolicyDocument=document(statements))


def write_edge_secret(environment: str, directory: Path) -> None:
    """Writes the secrets of the edge to Secrets Manager. In a real account, the command `registry keys init` writes
    them.
    """
    authority = pki.Authority(directory)
    pair = authority.issue(["edge"], ExtendedKeyUsageOID.CLIENT_AUTH)
    secret = {
        "client_certificate": pair.chain.decode(),
        "client_key": pair.key.decode(),
        "origin_key": ORIGIN_KEY,
        "token_signing_key": SIGNING_KEY,
    }
    manager = client("secretsmanager")
    manager.create_secret(Name=f"artifact-edge/{environment}/edge", SecretString=json.dumps(secret))
    for name, key in {"metadata-api": API_KEY, "purge-signing": PURGE_KEY}.items():
        manager.create_secret(Name=f"artifact-edge/{environment}/{name}", SecretString=json.dumps({"key": key}))
