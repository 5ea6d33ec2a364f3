"""Who runs the operator's tool, for the audit log."""

from __future__ import annotations

import getpass
import socket
from typing import Any, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from registry.catalog.audit import By
from registry.target import Target


def by(target: Target, action: str, principal: str = "") -> By:
    """Whoever runs this process. On AWS, the caller is what its credentials stand for: nobody can make that up."""
    caller = ""
    if target.metadata.backend == "dynamodb":
        try:
            caller = cast(Any, boto3).client("sts", region_name=target.metadata.region).get_caller_identity()["Arn"]
        except (ClientError, BotoCoreError):
            caller = "unknown"  # the identity may be kept from it; what it may do is decided elsewhere
    return By(principal or f"{getpass.getuser()}@{socket.gethostname()}", caller, action)
