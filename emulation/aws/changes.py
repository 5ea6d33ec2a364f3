"""Counts the changes that clients make to the emulated AWS, and serves the counts over HTTP.

In a sandbox, the machines and the functions do not run in the process of the emulated AWS API. Their processes poll the
counts to learn of changes. While the count of a region stays the same, a process does not have to list the region's
resources again. The real AWS has no such API.
"""

from __future__ import annotations

import io
import json
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import httpx

from emulation.aws.api_calls import signed_service
from emulation.origin_requests import Application

# The URL path at which other processes poll the counts. The response is a JSON object with one opaque string for each
# service and region, such as `{"ec2": {"us-east-1": "6f0…:12"}}`. A string differs after each change, and also after a
# restart of the emulated AWS.
PATH = "/_artifact-edge/changes"

_COUNTED = frozenset({"ec2", "events", "globalaccelerator", "lambda", "route53"})
_READS = re.compile("Describe|Get|List")
# The path at which moto lets tests delete all resources.
_OF_MOTO = "/moto-api/"
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


class Changes:
    """WSGI middleware over the emulated AWS API. It counts requests that may change a resource, by service and region.
    It counts only requests to services whose changes other processes of the sandbox need to know.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()
        self._start = uuid.uuid4().hex
        self._counts: Counter[tuple[str, str]] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._counted()).encode()]
        called = signed_service(environ)
        if environ["PATH_INFO"].startswith(_OF_MOTO):
            return self._restarted(environ, start_response)
        if called[0] not in _COUNTED or _only_reads(environ):
            return self._application(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            # The count of changes increases only after the change is complete. If it increased earlier, a reader could
            # get the new count, list the old resources, and miss the change.
            with self._lock:
                self._counts[called] += 1

    def _restarted(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return self._application(environ, start_response)
        finally:
            self._start = uuid.uuid4().hex

    def _counted(self) -> Mapping[str, Mapping[str, str]]:
        counted: dict[str, dict[str, str]] = {}
        with self._lock:
            for (service, region), count in self._counts.items():
                counted.setdefault(service, {})[region] = f"{self._start}:{count}"
        return counted


class ChangedRegions:
    """Finds the regions in which resources of the given AWS services may have changed. Callers then list the resources
    of these regions only. `url` is the URL of the emulated AWS.
    """

    def __init__(self, url: str, services: Collection[str]) -> None:
        self._url = url
        self._services = services
        self._http = httpx.Client(trust_env=False, timeout=60)
        self._seen: Mapping[str, str] = {}

    def now(self) -> Mapping[str, str]:
        """Returns a mapping from each region with changes to a string. The string contains the number of changes to
        each service, so it differs after each change. Raises httpx.HTTPError when the emulated AWS does not answer.
        """
        counted = self._http.get(f"{self._url}{PATH}").raise_for_status().json()
        counts: dict[str, str] = {}
        for service in sorted(self._services):
            for region, count in counted.get(service, {}).items():
                counts[region] = f"{counts.get(region, '')} {service} {count}"
        return counts

    def since_seen(self, now: Mapping[str, str]) -> set[str]:
        """Returns the regions that have changed since the last call of `seen`. `now` has the current counts. A region
        has changed if its count differs, or if its count is missing because the emulated AWS was restarted.
        """
        return {region for region in now.keys() | self._seen.keys() if now.get(region) != self._seen.get(region)}

    def seen(self, now: Mapping[str, str]) -> None:
        """Records that the caller has processed all changes up to the counts in `now`. `since_seen` then reports only
        later changes.
        """
        self._seen = now


def _only_reads(environ: dict[str, Any]) -> bool:
    """Returns whether a request calls an operation that changes nothing. The request's body can be read again
    afterwards.
    """
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return _READS.match(target.rpartition(".")[2]) is not None
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    # A request to EC2 contains the name of its operation. For other requests, the HTTP method shows whether the request
    # only reads.
    if action := _ACTION.search(environ.get("QUERY_STRING", "").encode() + b"&" + body):
        return _READS.match(action[1].decode()) is not None
    return environ["REQUEST_METHOD"] in ("GET", "HEAD")
