"""The Pulumi program for the bucket and the KMS key of Pulumi's state, and for the IAM roles that deploy the edge
network.

A person runs the program with their own credentials, once for each AWS account and again after changes. The module
`administrator` prints the IAM policy that the person needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pulumi

from bootstrap.google_access import MOST_ENVIRONMENT_CHARACTERS, GoogleAccess, GoogleAccessArgs
from bootstrap.google_trust import google_trust
from bootstrap.roles import Repository, Roles, RolesArgs
from bootstrap.state import State, StateArgs
from infra import transforms

PROJECT = "artifact-edge-bootstrap"
_MOST_ENVIRONMENT_CHARACTERS = 20
# Matches the ID of a Google Cloud project (Resource Manager, "Create and manage projects").
_PROJECT_ID = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"


@dataclass(frozen=True)
class Settings:
    """The config of the bootstrap stack: the name of the state bucket, the GitHub repository with its IDs, and the
    environments that the repository deploys. With `google_project`, the program also creates the accounts with which
    the repository deploys to Google Cloud.
    """

    region: str
    bucket: str
    repository: str
    owner_id: str
    repository_id: str
    trust_subject_without_ids: bool
    environments: list[str]
    google_project: str | None


def settings() -> Settings:
    """Returns the config of the bootstrap stack.

    Raises pulumi.RunError with one line for each invalid value. A line names the config key, the value, and the values
    that the key accepts.
    """
    config = pulumi.Config(PROJECT)
    found = Settings(
        region=pulumi.Config("aws").require("region"),
        bucket=config.require("bucket"),
        repository=config.require("repository"),
        owner_id=config.require("owner_id"),
        repository_id=config.require("repository_id"),
        trust_subject_without_ids=config.get_bool("trust_subject_without_ids") or False,
        environments=config.require_object("environments"),
        google_project=config.get("google_project"),
    )
    command = f"from `gh api repos/{found.repository}`"
    projects = [found.google_project] if found.google_project is not None else []
    most = MOST_ENVIRONMENT_CHARACTERS if projects else _MOST_ENVIRONMENT_CHARACTERS
    of_stack = f"a stack's name of at most {most} characters"
    problems = [
        f"{PROJECT}:{key}: {value!r} is not {accepted}"
        for key, value, pattern, accepted in (
            ("bucket", found.bucket, r"[a-z0-9][a-z0-9-]{1,56}[a-z0-9]", "a bucket's name: 3 to 58 of a-z, 0-9 and -"),
            ("repository", found.repository, r"[\w-]+/[\w.-]+", "a GitHub repository: owner/name"),
            ("owner_id", found.owner_id, r"[0-9]+", f"the ID of a GitHub account, {command} (`owner.id`)"),
            ("repository_id", found.repository_id, r"[0-9]+", f"the ID of a GitHub repository, {command} (`id`)"),
            *(("environments", name, rf"[a-z][a-z0-9-]{{0,{most - 1}}}", of_stack) for name in found.environments),
            *(("google_project", each, _PROJECT_ID, "the ID of a Google Cloud project") for each in projects),
        )
        if not re.fullmatch(pattern, value)
    ]
    # The names of an environment's resources begin with `artifact-edge-<environment>-`, and the permissions of its
    # roles cover all such names.
    problems += [
        f"{PROJECT}:environments: the roles of {one!r} could change the resources of {other!r}, whose names begin the "
        f"same way; use another name, or an account of its own for one of them"
        for one in found.environments
        for other in found.environments
        if other.startswith(f"{one}-")
    ]
    if problems:
        raise pulumi.RunError("\n".join(problems))
    return found


def compose(found: Settings) -> None:
    """Registers all resources of the bootstrap stack, and exports the values that GitHub and `pulumi login` need."""
    tags = {"project": "artifact-edge", "environment": "bootstrap", "owner": "platform", "cost-center": "platform"}
    pulumi.runtime.register_resource_transform(transforms.tag(tags))
    pulumi.runtime.register_resource_transform(transforms.protect)
    state = State("state", StateArgs(found.bucket, found.region))
    repository = Repository(found.repository, found.owner_id, found.repository_id, found.trust_subject_without_ids)
    roles = Roles("roles", RolesArgs(repository, found.environments, found.bucket, state.key_arn))
    environments = found.environments
    pulumi.export("backends", {name: f"s3://{found.bucket}/{name}?region={found.region}" for name in environments})
    pulumi.export("secrets_provider", f"awskms://{state.alias}?region={found.region}")
    pulumi.export("deploy_roles", {name: roles.deploy[name] for name in environments})
    pulumi.export("boundaries", {name: roles.boundaries[name] for name in environments})
    trust = google_trust(repository, environments)
    pulumi.export("google", trust)
    if found.google_project is not None:
        access = GoogleAccess("github", GoogleAccessArgs(found.google_project, trust))
        pulumi.export("google_access", {"provider": access.provider, "accounts": access.accounts})
    pulumi.export("drift_roles", {name: roles.drift[name] for name in environments})


if __name__ == "__main__":
    compose(settings())
