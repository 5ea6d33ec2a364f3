"""Issues credentials of a Lambda function's role to an instance of the function. The emulated AWS enforces the role's
policies (emulation/aws/permissions.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from emulation.aws.policies import service_may_assume
from emulation.lambda_runtime.deployed import Code, session
from emulation.lambda_runtime.instance import FunctionError
from emulation.layout import Sandbox

# The lifetime of a role's credentials in seconds, which is the longest that AWS allows. The emulated AWS refuses
# credentials after that, so each instance gets new ones every few hours (instance.py).
LASTS = 12 * 3_600


class Roles:
    """Issues temporary credentials for the roles of Lambda functions in one sandbox (emulated clouds)."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._iam, self._sts = (
            session().client(service, region_name="us-east-1", endpoint_url=sandbox.aws_url)
            for service in ("iam", "sts")
        )

    def credentials(self, code: Code) -> Mapping[str, str]:
        """Returns credentials of a Lambda function's role, as environment variables. Raises FunctionError if the role's
        trust policy does not let Lambda assume the role."""
        try:
            trust: Any = self._iam.get_role(RoleName=code.role.rsplit("/", 1)[1])["Role"]["AssumeRolePolicyDocument"]
        except ClientError as error:
            raise FunctionError(f"{code.name}: its role cannot be read: {error}") from None
        if not service_may_assume(trust, "lambda.amazonaws.com"):
            raise FunctionError(f"{code.name}: Lambda may not assume {code.role}")
        given = self._sts.assume_role(RoleArn=code.role, RoleSessionName=code.name, DurationSeconds=LASTS)[
            "Credentials"
        ]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }
