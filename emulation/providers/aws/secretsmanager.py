"""Reads the current value of a secret from Secrets Manager for the emulated AWS provider."""

from __future__ import annotations

from emulation.providers import wire
from emulation.providers.aws.clients import client
from emulation.providers.handler import Properties


class SecretVersion:
    """Serves the Pulumi data source `aws:secretsmanager/getSecretVersion:getSecretVersion`. The returned value is
    marked as secret."""

    token = "aws:secretsmanager/getSecretVersion:getSecretVersion"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        found = client("secretsmanager", arguments).get_secret_value(SecretId=arguments["secretId"])
        return {
            **arguments,
            "id": f"{found['ARN']}|{found['VersionId']}",
            "arn": found["ARN"],
            "versionId": found["VersionId"],
            "versionStages": found["VersionStages"],
            "secretString": wire.secret(found["SecretString"]),
        }
