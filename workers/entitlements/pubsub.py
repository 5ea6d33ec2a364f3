"""Sends dead-letter messages of services on Google Cloud to a Pub/Sub topic, through its REST API (v1)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import urllib3

_PUBLIC_API = "https://pubsub.googleapis.com"
_TIMEOUT = urllib3.Timeout(connect=3, read=10)


class TopicUnavailable(Exception):
    """Raised when the Pub/Sub topic does not accept a message. A retry may succeed."""


class DeadLetters:
    """A dead-letter topic. `topic` is its full name, `projects/…/topics/…`, and `token` returns an access token."""

    def __init__(self, topic: str, token: Callable[[], str], api: str = "") -> None:
        self._url = f"{(api or _PUBLIC_API).rstrip('/')}/v1/{topic}:publish"
        self._token = token
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    def send(self, message: Mapping[str, Any]) -> None:
        """Publishes a message as JSON. Raises TopicUnavailable if Pub/Sub does not accept the message."""
        data = base64.b64encode(json.dumps(message).encode()).decode()
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        body = json.dumps({"messages": [{"data": data}]})
        try:
            answer: Any = cast(Any, self._pool).request("POST", self._url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise TopicUnavailable(f"Pub/Sub does not answer: {type(error).__name__}") from None
        if answer.status != 200:
            raise TopicUnavailable(f"Pub/Sub answers {answer.status}")
