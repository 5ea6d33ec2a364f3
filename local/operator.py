"""Runs the registry's command-line tool on the sandbox, as operators run it on a real stack.

The functions import the clouds' SDKs themselves, because the import takes long and most commands of `python -m local`
need no SDK.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import yaml

from emulation.engine.environment import cloud_environment
from emulation.layout import Sandbox
from emulation.processes import interpreter
from local.checkout import CHECKOUT
from local.samples import REPOSITORY, TAG, build

# A dummy API token for Workers KV. The emulated Cloudflare accepts any token. This value occurs nowhere else, so if it
# is in a stack's state, the token has leaked into the state.
_KV_TOKEN = "any-token-will-do-for-the-emulated-kv"  # noqa: S105


class OperatorError(Exception):
    """Raised when a command of `python -m registry` fails. The message is the command's error output."""


def make_keys(sandbox: Sandbox, stack: str, stacks: Path) -> None:
    """Creates the keys with which the tiers of a stack (its parts, such as the edge) authenticate to each other, unless
    the keys exist.

    `stacks` is the directory of the stack's config.
    """
    config = yaml.safe_load((stacks / f"Pulumi.{stack}.yaml").read_text())["config"]
    place = ["--domain", config["artifact-edge:domain"], "--region", config["aws:region"]]
    shields = {shield["region"] for shield in config["artifact-edge:shields"] if shield["cloud"] == "aws"}
    kept = [
        region
        for section, store in (("blobs", "s3"), ("metadata", "dynamodb"))
        if config[f"artifact-edge:{section}"]["store"] == store
        for region in config[f"artifact-edge:{section}"]["regions"]
    ]
    regions = {*shields, *kept}
    replicas = [option for region in sorted(regions) for option in ("--replica", region)]
    pops = [option for region in sorted(_pop_regions(config, kept)) for option in ("--pop-replica", region)]
    _run(sandbox, ["keys", "init", "--environment", stack, *place, *replicas, *pops])


def _pop_regions(config: Mapping[str, Any], kept: Sequence[str]) -> set[str]:
    """Returns the AWS regions in which PoP machines read their secrets. Machines on AWS read them in their own region.
    Machines on Google Cloud read them in the home region, and in a second region of `kept`, the regions that hold
    objects or metadata.
    """
    pops: list[Mapping[str, Any]] = config.get("artifact-edge:pops", [])
    regions = {pop["region"] for pop in pops if pop.get("cloud", "aws") == "aws"}
    if any(pop.get("cloud") == "gcp" for pop in pops):
        regions |= {*list(dict.fromkeys([config["aws:region"], *kept]))[:2]}
    return regions


def add_edge_zone(sandbox: Sandbox, stack: str, stacks: Path) -> None:
    """Adds the Cloudflare zone in a stack's config to the account on the emulated Cloudflare. Also delegates the zone's
    domain to the emulated Cloudflare. Later calls change nothing.

    On the real Cloudflare, an operator performs these steps once, in the dashboard and at the domain's registrar
    (docs/deploying.md).
    """
    from cloudflare import Cloudflare

    from emulation.cloudflare.zone_owner import active_zone

    config = yaml.safe_load((stacks / f"Pulumi.{stack}.yaml").read_text())["config"]["artifact-edge:edge"]
    with httpx.Client(trust_env=False) as http:
        api = Cloudflare(api_token="any", base_url=sandbox.cloudflare_url, http_client=http)  # noqa: S106
        active_zone(api, config["account_id"], config["zone"])


def create_boundary(sandbox: Sandbox, stack: str, stacks: Path) -> None:
    """Creates the IAM policy that the stack's config names as permissions boundary. Does nothing if the config names no
    permissions boundary.

    On the real AWS, `bootstrap/` creates the policy. The policy that this function creates allows all actions, because
    a preview evaluates no permissions.
    """
    import boto3

    config = yaml.safe_load((stacks / f"Pulumi.{stack}.yaml").read_text())["config"]
    name = config.get("artifact-edge:permissions_boundary", "").rpartition("/")[2]
    if name:
        statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        session = boto3.Session("any", "any", region_name=config["aws:region"])
        iam: Any = cast(Any, session).client("iam", endpoint_url=sandbox.aws_url)
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.create_policy(PolicyName=name, PolicyDocument=document)


def publish_samples(sandbox: Sandbox, outputs: Mapping[str, Any]) -> list[str]:
    """Builds and publishes the sandbox's sample packages.

    Returns one line for each package. The line says either that this call has published the package, or that the
    package was already published.
    """
    samples = build(sandbox.path("samples", "x").parent)
    said = _run(sandbox, ["publish", *samples.files], outputs)
    said += _run(sandbox, ["publish", samples.image, "--repository", REPOSITORY, "--tag", TAG], outputs)
    return said.splitlines()


def issue_token(sandbox: Sandbox, outputs: Mapping[str, Any], principal: str, grants: Sequence[str]) -> str:
    """Creates a client token with the given grants for `principal`. Returns the token.

    Raises OperatorError when `python -m registry` fails.
    """
    options = [option for grant in grants for option in ("--grant", grant)]
    return _run(sandbox, ["tokens", "create", "--for", principal, *options], outputs).strip()


def _run(sandbox: Sandbox, arguments: Sequence[str | Path], outputs: Mapping[str, Any] | None = None) -> str:
    from registry.keys import KV_TOKEN_VARIABLE

    result = subprocess.run(
        [interpreter(), "-m", "registry", *arguments, *(["--stack-outputs", "-"] if outputs else [])],
        cwd=CHECKOUT,
        env={**os.environ, **cloud_environment(sandbox, {}), KV_TOKEN_VARIABLE: _KV_TOKEN},
        input=json.dumps(outputs) if outputs else "",
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise OperatorError(result.stderr.strip().removeprefix("error: "))
    return result.stdout
