"""Tests that parallel changes to one IAM policy on the emulated Google Cloud do not overwrite each other."""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pulumi_gcp as gcp

from emulation.providers.gcp.iam import IamMember

MEMBERS = ("serviceAccount:reader@unit.iam.gserviceaccount.com", "serviceAccount:writer@unit.iam.gserviceaccount.com")


class SimultaneousReads:
    """Emulates the Google Cloud API for one bucket, and provokes a race between two threads. Each read of the IAM
    policy waits up to half a second for a read by a second thread. If the second read comes within this time, both
    threads get the same policy before either of them writes.
    """

    def __init__(self) -> None:
        self.bucket: dict[str, Any] = {"iam": {"bindings": []}}
        self._both = threading.Barrier(2, timeout=0.5)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            self.bucket.update(json.loads(request.content))
            return httpx.Response(200, json=self.bucket)
        answer = json.dumps(self.bucket)
        with contextlib.suppress(threading.BrokenBarrierError):
            self._both.wait()
        return httpx.Response(200, text=answer)


def test_two_simultaneous_grants_on_a_bucket_are_both_kept() -> None:
    bucket = SimultaneousReads()
    client = httpx.Client(transport=httpx.MockTransport(bucket), base_url="http://google")
    grants = IamMember(gcp.storage.BucketIAMMember, lambda: client, "bucket", "storage/v1/", "b/")
    inputs = [{"bucket": "b/blobs", "role": "roles/storage.objectViewer", "member": member} for member in MEMBERS]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(grants.create, inputs))
    assert bucket.bucket["iam"]["bindings"] == [{"role": "roles/storage.objectViewer", "members": list(MEMBERS)}]
