"""The stacks of this repository, each brought up in process by the handlers that the real engine calls, too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from cryptography.x509.oid import ExtendedKeyUsageOID

from emulation.cloudflare import in_process, pki
from emulation.gcp import in_process as google
from emulation.providers import aws as emulated_aws
from emulation.providers import cloudflare as emulated_cloudflare
from emulation.providers import gcp as emulated_gcp
from emulation.providers.aws.clients import client
from stacks.config import load_current
from stacks.network import compose
from tests.support.harness import Deployment, aws_account, deploy

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("local", "dev", "staging", "prod")
ON_GOOGLE: Mapping[str, Any] = {
    "blobs": {"store": "gcs", "regions": ["us-east4", "us-east1"], "lock": "governance"},
    "metadata": {"store": "spanner", "regions": ["us-east4", "us-east1"]},
    "shields": [{"cloud": "gcp", "region": "us-east4", "machine_type": "n2-standard-8", "nodes": 2}],
}
ORIGIN_KEY, SIGNING_KEY, API_KEY = "o" * 43, "s" * 43, "a" * 43


def stack_config(environment: str) -> dict[str, str]:
    """The stack's config as Pulumi hands it to the program: every value a text, objects as JSON."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text())
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in document["config"].items()}


def first_up(environment: str, changes: Mapping[str, Any], directory: Path) -> Deployment:
    """The environment's first `pulumi up` on mocks, with some keys of our namespace changed."""
    account = in_process.client(directory)
    project = google.client(directory)
    config = stack_config(environment) | {f"artifact-edge:{key}": json.dumps(value) for key, value in changes.items()}
    with aws_account():
        write_edge_secret(environment, directory)
        return deploy(
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
            stack=environment,
            config=config,
        )


def write_edge_secret(environment: str, directory: Path) -> None:
    """What `registry keys init` leaves in Secrets Manager for the edge."""
    authority = pki.Authority(directory)
    pair = authority.issue(["edge"], ExtendedKeyUsageOID.CLIENT_AUTH)
    secret = {
        "client_certificate": pair.chain.decode(),
        "client_key": pair.key.decode(),
        "server_ca": authority.certificate_file.read_text(),
        "origin_key": ORIGIN_KEY,
        "token_signing_key": SIGNING_KEY,
    }
    manager = client("secretsmanager")
    manager.create_secret(Name=f"artifact-edge/{environment}/edge", SecretString=json.dumps(secret))
    api = json.dumps({"key": API_KEY})
    manager.create_secret(Name=f"artifact-edge/{environment}/metadata-api", SecretString=api)
