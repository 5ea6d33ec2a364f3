"""Identifies the operator who runs the tool, for the audit log."""

from __future__ import annotations

import getpass
import os
import socket
from typing import Any, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from registry.catalog.audit import By
from registry.target import Target


def by(target: Target, action: str, principal: str = "") -> By:
    """Returns the author of a change for the audit log: the principal (by default user@host) and the verified caller.

    With DynamoDB as the metadata database, the caller is the ARN that AWS STS returns for the operator's credentials.
    The operator cannot forge this ARN. With Spanner, the caller is empty.
    """
    caller = ""
    if target.metadata.backend == "dynamodb":
        try:
            caller = cast(Any, boto3).client("sts", region_name=target.metadata.region).get_caller_identity()["Arn"]
        except (ClientError, BotoCoreError):
            # If AWS STS fails, the command continues, and the audit log records the caller as "unknown". This is safe,
            # because AWS checks the permissions of the credentials at each later request.
            caller = "unknown"
    return By(principal or f"{_user()}@{socket.gethostname()}", caller, action)


def _user() -> str:
    """Returns the name of the user who runs the tool. Returns the user's number if the system has no name for it, as in
    many containers.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # Python before and since 3.13
        return str(os.getuid())
