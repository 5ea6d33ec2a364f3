"""Reports names of resources that are too long for AWS or Google Cloud."""

from __future__ import annotations

from collections.abc import Iterator

from contract.secrets import PROJECT
from stacks.config.bucket_names import bucket_prefix
from stacks.config.messages import NAMESPACE
from stacks.config.sections import StackConfig

# The maximum number of characters in the name of an IAM role (IAM API Reference, "CreateRole").
_ROLE = 64
# The maximum number of characters in the id of a Google Cloud service account (IAM API,
# "projects.serviceAccounts.create"). An id consists of the prefix of the stack's names and the ending `shield`,
# `answer` or `follow`. It is enough to check one of these endings, because they have the same length.
_SERVICE_ACCOUNT, _ACCOUNTS = 30, "shield"
# The maximum number of characters in the display name of a Spanner instance (Spanner API, "projects.instances").
_SPANNER = 30


def problems_of_names(environment: str, config: StackConfig) -> Iterator[str]:
    """Yields an error message for each name of a cloud resource that is too long. The message names the setting to
    shorten.
    """
    prefix = f"{PROJECT}-{environment}"
    if config.blobs.store == "s3" and len(config.blobs.regions) > 1:
        role = f"{bucket_prefix(environment, config)}-replication"
        if len(role) > _ROLE:
            yield (
                f"{NAMESPACE}:name: {config.name!r} makes the role name {role!r}, which has {len(role)} characters;"
                f" {_ROLE} are allowed, so shorten the name or the stack's name {environment!r} by {len(role) - _ROLE}"
            )
    on_google = [("Spanner instance", prefix, _SPANNER)] if config.metadata.store == "spanner" else []
    if on_google or any(machines.cloud == "gcp" for machines in (*config.shields, *config.pops)):
        on_google.append(("service account", f"{prefix}-{_ACCOUNTS}", _SERVICE_ACCOUNT))
    for kind, name, most in on_google:
        if len(name) > most:
            yield (
                f"stack name: {environment!r} makes the name of the {kind} {name!r}, which has {len(name)} characters;"
                f" {most} are allowed, so shorten the stack's name by {len(name) - most}"
            )
