"""Reads what the worker shares with the shields, so that it reaches state and bindings as secrets only."""

from __future__ import annotations

import json
from dataclasses import fields

import pulumi
import pulumi_aws as aws

from infra.edge import EdgeSecrets


class EdgeSecretError(pulumi.RunError):
    """The secret of the edge is not what `registry keys init` writes; the message names it and the field."""


def read_edge_secrets(secret_id: str, region: str) -> EdgeSecrets:
    """The fields of a JSON secret in AWS Secrets Manager, each one a Pulumi secret."""
    text = _text(secret_id, region)

    def field(name: str) -> pulumi.Output[str]:
        return text.apply(lambda document: _field(document, name, secret_id))

    return EdgeSecrets(**{wanted.name: field(wanted.name) for wanted in fields(EdgeSecrets)})


def read_metadata_api_key(secret_id: str, region: str) -> pulumi.Output[str]:
    """The key that the worker and the metadata API share, a Pulumi secret."""
    return _text(secret_id, region).apply(lambda document: _field(document, "key", secret_id))


def _text(secret_id: str, region: str) -> pulumi.Output[str]:
    version = aws.secretsmanager.get_secret_version_output(secret_id=secret_id, region=region)
    return pulumi.Output.secret(version.secret_string)


def _field(document: str, name: str, secret_id: str) -> str:
    value: object = json.loads(document).get(name)
    if not isinstance(value, str):
        raise EdgeSecretError(f"secret {secret_id} has no field {name!r}; write it with `python -m registry keys init`")
    return value
