"""Reads the secrets that the edge worker shares with the shields (regional caches) and the metadata API. The values are
Pulumi secrets, so Pulumi encrypts them in the state. The worker's bindings contain the values as secrets too.
"""

from __future__ import annotations

import json
from dataclasses import fields

import pulumi
import pulumi_aws as aws
from cryptography import x509

from infra.edge import EdgeSecrets


class EdgeSecretError(pulumi.RunError):
    """Raised when a secret of the edge worker does not have the form that `registry keys init` writes. The message
    names the secret and the field.
    """


def read_edge_secrets(secret_id: str, region: str) -> EdgeSecrets:
    """Returns the fields of the edge worker's JSON secret in AWS Secrets Manager, each as a Pulumi secret."""
    text = _text(secret_id, region)

    def field(name: str) -> pulumi.Output[str]:
        return text.apply(lambda document: _field(document, name, secret_id))

    return EdgeSecrets(**{wanted.name: field(wanted.name) for wanted in fields(EdgeSecrets)})


def read_signing_key(secret_id: str, region: str) -> pulumi.Output[str]:
    """Returns, as a Pulumi secret, a key that signs requests between the edge worker and another service."""
    return _text(secret_id, region).apply(lambda document: _field(document, "key", secret_id))


def read_certificate_expiry(secret_id: str, region: str) -> pulumi.Output[str]:
    """Returns the time in ISO 8601 at which the edge's client certificate expires. This time is not a Pulumi secret."""

    def expiry(document: str) -> str:
        certificate = x509.load_pem_x509_certificate(_field(document, "client_certificate", secret_id).encode())
        return certificate.not_valid_after_utc.isoformat()

    return pulumi.Output.unsecret(_text(secret_id, region).apply(expiry))


def _text(secret_id: str, region: str) -> pulumi.Output[str]:
    version = aws.secretsmanager.get_secret_version_output(secret_id=secret_id, region=region)
    return pulumi.Output.secret(version.secret_string)


def _field(document: str, name: str, secret_id: str) -> str:
    value: object = json.loads(document).get(name)
    if not isinstance(value, str):
        raise EdgeSecretError(f"secret {secret_id} has no field {name!r}; write it with `python -m registry keys init`")
    return value
