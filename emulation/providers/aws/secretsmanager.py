"""Reads the current value of a secret from Secrets Manager for the emulated AWS provider."""

from __future__ import annotations

from botocore.exceptions import ClientError

from emulation.providers import wire
from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError, Properties


class SecretVersion:
    """Serves the Pulumi data source `aws:secretsmanager/getSecretVersion:getSecretVersion`. The returned value is
    marked as secret. The message of an error names the secret, as the messages of the real provider do
    (terraform-provider-aws, `dataSourceSecretVersionRead`).
    """

    token = "aws:secretsmanager/getSecretVersion:getSecretVersion"  # noqa: S105  a type token

    def invoke(self, arguments: Properties) -> Properties:
        secret = arguments["secretId"]
        try:
            found = client("secretsmanager", arguments).get_secret_value(SecretId=secret)
        except ClientError as error:
            raise CloudError(f"reading Secrets Manager Secret Version ({secret}|AWSCURRENT): {error}") from error
        return {
            **arguments,
            "id": f"{found['ARN']}|{found['VersionId']}",
            "arn": found["ARN"],
            "versionId": found["VersionId"],
            "versionStages": found["VersionStages"],
            "secretString": wire.secret(found["SecretString"]),
        }
