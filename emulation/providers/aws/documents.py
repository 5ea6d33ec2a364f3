"""Compares IAM policy documents that the AWS API returns with the documents in the Pulumi program."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote


def in_given_form(document: Any, given: str | None) -> str:
    """Returns an IAM policy from the AWS API as JSON text.

    `given` is the policy's text in the Pulumi program. If both texts contain equal JSON values, the function returns
    `given`. Pulumi therefore does not report a different layout of the text as a change in the cloud.
    """
    found = json.loads(unquote(document)) if isinstance(document, str) else document
    if given is not None and json.loads(given) == found:
        return given
    return json.dumps(found)
