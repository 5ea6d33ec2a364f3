"""Compares IAM policy documents that the AWS API returns with the documents in the Pulumi program."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote


def in_given_form(document: Any, given: str | None) -> str:
    """Returns an IAM policy from the AWS API as a JSON string.

    `given` is the policy document in the Pulumi program. If it contains the same JSON value as the policy from the API,
    the function returns `given`. Pulumi therefore does not report different formatting as a change in the cloud.
    """
    found = json.loads(unquote(document)) if isinstance(document, str) else document
    if given is not None and json.loads(given) == found:
        return given
    return json.dumps(found)
