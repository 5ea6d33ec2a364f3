"""Emulates the part of the EC2 instance metadata service that boto3 uses: it returns the credentials of the role in a
machine's instance profile.

EC2 serves metadata at 169.254.169.254 and identifies the machine by its network interface. The emulation identifies the
machine by the path of the URL. Source: EC2 User Guide, "Use the Instance Metadata Service", "Retrieve security
credentials".
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.sts.models import sts_backends

from emulation.aws.machines import role_of_instance
from emulation.aws.policies import service_may_assume
from emulation.layout import AWS_ACCOUNT_ID, INSTANCES_PATH
from emulation.origin_requests import Application

_PATH = re.compile(rf"{INSTANCES_PATH}/(?P<instance>i-[0-9a-f]+)/latest/(?P<what>.*)")
_CREDENTIALS = "meta-data/iam/security-credentials/"
_SESSION_DURATION = timedelta(hours=6)
_RENEWAL_MARGIN = timedelta(minutes=5)


class InstanceMetadata:
    """WSGI middleware over the emulated AWS API: serves version 2 of the EC2 instance metadata service, which requires
    a session token."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._tokens = dict[str, str]()
        self._sessions: dict[tuple[str, str], Any] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match = _PATH.fullmatch(environ["PATH_INFO"])
        if match is None:
            return self._application(environ, start_response)
        status, body = self._answer(match["instance"], match["what"], environ)
        start_response(status, [("Content-Type", "text/plain")])
        return [body.encode()]

    def _answer(self, instance: str, what: str, environ: dict[str, Any]) -> tuple[str, str]:
        if what == "api/token" and environ["REQUEST_METHOD"] == "PUT":
            return "200 OK", self._tokens.setdefault(instance, secrets.token_urlsafe())
        if environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN", "") != self._tokens.get(instance):
            return "401 Unauthorized", ""
        role = role_of_instance(instance)
        if role is None or not service_may_assume(_document(role), "ec2.amazonaws.com"):
            return "404 Not Found", ""
        if what == _CREDENTIALS:
            return "200 OK", role.name
        if what == f"{_CREDENTIALS}{role.name}":
            return "200 OK", json.dumps(self._credentials(instance, role.arn))
        return "404 Not Found", ""

    def _credentials(self, instance: str, role_arn: str) -> dict[str, str]:
        with self._lock:
            session = self._sessions.get((instance, role_arn))
            if session is None or session.expiration - _RENEWAL_MARGIN < datetime.now(UTC).replace(tzinfo=None):
                backend: Any = sts_backends[AWS_ACCOUNT_ID]["aws"]
                session = backend.assume_role(
                    "us-east-1", instance, role_arn, None, int(_SESSION_DURATION.total_seconds()), None
                )
                self._sessions[instance, role_arn] = session
        return {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "LastUpdated": _formatted(session.expiration - _SESSION_DURATION),
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "Token": session.session_token,
            "Expiration": _formatted(session.expiration),
        }


def _document(role: Any) -> Any:
    found = role.assume_role_policy_document
    return json.loads(found) if isinstance(found, str) else found


def _formatted(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
