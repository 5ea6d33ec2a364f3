"""Reads secrets in AWS Secrets Manager for services on Google Cloud. Such a service has a Google identity token, and
assumes an AWS role with this token.

The module does not use boto3, because boto3 would add 25 MB to a service on Cloud Run for two requests. Requests are
signed as in IAM User Guide, "Create a signed AWS API request". The unit tests compare the signature with botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

import urllib3

from workers.google import Identity

_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"
_TARGET = "secretsmanager.GetSecretValue"
_CONTENT = "application/x-amz-json-1.1"


class SecretUnreadable(Exception):
    """Raised when AWS does not return a secret. A retry may succeed. The message contains no part of the secret."""


@dataclass(frozen=True)
class Credentials:
    """The temporary credentials that AWS returns to a program that assumes a role."""

    key_id: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)


@dataclass(frozen=True)
class ForeignSecret:
    """One secret, a JSON object in AWS Secrets Manager, that a service on Google Cloud reads.

    `role` is the ARN of the only role that may read the secret. To assume this role, the service needs an identity
    token with the ARN as audience.
    """

    secret_id: str
    region: str
    role: str
    identity: Identity

    def read(self, name: str) -> str:
        """Returns the current value of a field of the secret. Raises SecretUnreadable if AWS does not return the field.
        Raises NoIdentity if Google's metadata server returns no identity token.
        """
        body = json.dumps({"SecretId": self.secret_id}).encode()
        url = _endpoint("secretsmanager", self.region)
        headers = signed(url, body, self._credentials(), self.region, datetime.now(UTC))
        answer = json.loads(_post(url, body, headers))
        try:
            return json.loads(answer["SecretString"])[name]
        except (KeyError, ValueError):
            raise SecretUnreadable(f"{self.secret_id} has no field {name}") from None

    def _credentials(self) -> Credentials:
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": self.role,
            "RoleSessionName": os.environ.get("K_SERVICE", "service"),
            "WebIdentityToken": self.identity.identity_token(self.role),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        text = _post(_endpoint("sts", self.region), urlencode(form).encode(), headers)
        found = ElementTree.fromstring(text).find(f".//{_STS}Credentials")  # noqa: S314  of AWS, over TLS
        values = {} if found is None else {part.tag.removeprefix(_STS): part.text or "" for part in found}
        try:
            return Credentials(values["AccessKeyId"], values["SecretAccessKey"], values["SessionToken"])
        except KeyError:
            raise SecretUnreadable("AWS STS returned no credentials") from None


def signed(url: str, body: bytes, credentials: Credentials, region: str, now: datetime) -> Mapping[str, str]:
    """Signs a POST of `body` to Secrets Manager. Returns the request's headers."""
    moment, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {
        "content-type": _CONTENT,
        "host": urlsplit(url).netloc,
        "x-amz-date": moment,
        "x-amz-security-token": credentials.session_token,
        "x-amz-target": _TARGET,
    }
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"POST\n{urlsplit(url).path}\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{day}/{region}/secretsmanager/aws4_request"
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    parameters = f"Credential={credentials.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 {parameters}"}


def _endpoint(service: str, region: str) -> str:
    """Returns the URL of an AWS service. AWS_ENDPOINT_URL overrides the public address, as in AWS's own SDKs."""
    base = os.environ.get("AWS_ENDPOINT_URL") or f"https://{service}.{region}.amazonaws.com"
    return f"{base.rstrip('/')}/"


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> str:
    try:
        answer: Any = cast(Any, urllib3).request(
            "POST", url, body=body, headers=dict(headers), timeout=_TIMEOUT, retries=False
        )
    except urllib3.exceptions.HTTPError as error:
        raise SecretUnreadable(f"{urlsplit(url).netloc} does not answer: {type(error).__name__}") from None
    if answer.status != 200:
        raise SecretUnreadable(f"{urlsplit(url).netloc} answers {answer.status}")
    return answer.data.decode()
