"""The Google Cloud project in which probes (checks on real clouds) run. When a probe ends, all resources that it has
created are deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import requests

from probes.recording import Recording

# The timeout of a request, in seconds. A request can wait for the end of an operation, and Compute Engine then answers
# within two minutes (Compute Engine API, "zoneOperations.wait").
_TIMEOUT_SECONDS = 150.0


@dataclass(frozen=True)
class GoogleProject:
    """The Google Cloud project in which probes create resources. `session` has the credentials of the project.

    `run` is the random ID of one run of the probes. It is part of the name of each resource, so that simultaneous runs
    use different names. `cleanup` deletes the resources when a probe ends.
    """

    run: str
    id: str
    session: requests.Session
    cleanup: ExitStack
    recording: Recording

    def name(self, kind: str) -> str:
        """Returns a name for a resource. The name contains `kind`, and differs from run to run."""
        return f"artifact-edge-probe-{self.run}-{kind}"

    def send(self, call: str, method: str, url: str, body: Any = None) -> requests.Response:
        """Sends a request to a Google Cloud API with the session's credentials, and records the response as `call`."""
        answer = self.session.request(method, url, json=body, timeout=_TIMEOUT_SECONDS)
        error = "" if answer.ok else answer.reason or ""
        self.recording.add(call, answer.status_code, error, answer.headers, None)
        return answer

    def later(self, remove: Callable[..., Any], *arguments: Any) -> None:
        """Registers a function that deletes a resource when the probe ends. The newest resource is deleted first."""
        self.cleanup.callback(remove, *arguments)
