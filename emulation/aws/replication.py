"""Copies objects between the emulated S3 buckets by the buckets' replication rules; moto 5.2 only stores the rules.

Source: S3 User Guide, "Replicating objects within and across Regions". New versions that match an enabled rule are
copied with their metadata, asynchronously. Replicas are not copied again, and objects that are older than the rule are
not copied. An object gets the status FAILED if the role of the rule has no permission to copy it. S3 does not copy such
an object later (S3 User Guide, "Getting replication status information").
"""

from __future__ import annotations

import json
import math
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.s3.models import FakeDeleteMarker, s3_backends

from emulation.aws.conditional_writes import WRITING
from emulation.aws.replication_rules import missing_permission
from emulation.aws.requests import addressed_object
from emulation.layout import AWS_ACCOUNT_ID
from emulation.origin_requests import Application

# The URL path at which tests control S3 replication. GET answers `{"pending": 0, "paused": false, "lag_seconds": 0}`.
# PUT of `{"paused": true}` pauses the replication, and PUT of `{"paused": false}` resumes it. PUT of
# `{"lag_seconds": 30}` sets the delay between a write and its copy to 30 seconds.
PATH = "/_artifact-edge/replication"

# A copy of an object that S3 replication still has to make: the source bucket, the destination bucket, and the time at
# which the object was written.
Waiting = tuple[str, str, datetime]

_IS_REPLICA = "artifact_edge_replica"
# If S3 replication of an object version fails, the emulation adds an attribute with this name to moto's object version.
# The attribute maps each destination bucket to the permission that the replication role lacked.
_FAILED = "artifact_edge_failed"
_RETRY_SECONDS = 0.2


class Replication:
    """WSGI middleware over the emulated AWS API: notices writes to S3 buckets and replicates the objects in a separate
    thread.

    `is_down` returns whether a bucket's region has an outage. Objects of such a bucket are replicated after the outage.
    """

    def __init__(self, application: Application, is_down: Callable[[str], bool] = lambda bucket: False) -> None:
        self._application = application
        self._is_down = is_down
        self._written: queue.Queue[tuple[str, str, datetime]] = queue.Queue()
        self._current: tuple[str, str, datetime] | None = None
        self._changed = threading.Condition()
        self._paused = False
        self._lag = timedelta()
        threading.Thread(target=self._copy_forever, daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._answer(environ, start_response)
        written = addressed_object(environ) if environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE") else None

        read = addressed_object(environ) if environ["REQUEST_METHOD"] in ("GET", "HEAD") else None

        def note(status: str, headers: Any, *more: Any) -> Any:
            if written is not None and status.startswith("2"):
                self._written.put((*written, datetime.now(UTC)))
            if read is not None and status.startswith("2") and (replication := status_of(*read)):
                headers = [*headers, ("x-amz-replication-status", replication)]
            return start_response(status, headers, *more)

        return self._application(environ, note)

    def waiting(self) -> list[Waiting]:
        """Returns the copies of S3 objects that replication still has to make, one for each version and destination
        bucket."""
        noted = [*([self._current] if self._current else []), *list(self._written.queue)]
        return [
            (bucket, name, written)
            for bucket, key, written in noted
            for name in _missing_copies(bucket, key, written)[1]
        ]

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT":
            settings = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            if not self._is_valid(settings):
                start_response("400 Bad Request", [("Content-Type", "text/plain")])
                return [b'only {"paused": true or false} and {"lag_seconds": a number} are accepted\n']
            with self._changed:
                self._paused = settings.get("paused", self._paused)
                self._lag = timedelta(seconds=settings["lag_seconds"]) if "lag_seconds" in settings else self._lag
                self._changed.notify()
        start_response("200 OK", [("Content-Type", "application/json")])
        state = {
            "pending": self._written.unfinished_tasks,
            "paused": self._paused,
            "lag_seconds": self._lag.total_seconds(),
        }
        return [json.dumps(state).encode()]

    def _is_valid(self, settings: Any) -> bool:
        kinds = {"paused": (bool,), "lag_seconds": (int, float)}
        return bool(settings) and all(type(value) in kinds.get(name, ()) for name, value in settings.items())

    def _wait(self, written: datetime) -> float:
        """Returns the number of seconds until S3 replication may copy an object version that was written at the time
        `written`. The result is infinite while a test has paused replication.
        """
        return math.inf if self._paused else (written + self._lag - datetime.now(UTC)).total_seconds()

    def _copy_forever(self) -> None:
        while True:
            bucket, key, written = self._current = self._written.get()
            with self._changed:
                while (wait := self._wait(written)) > 0:
                    self._changed.wait(min(wait, threading.TIMEOUT_MAX))
            try:
                if not copy(bucket, key, written, self._is_down):
                    self._written.put((bucket, key, written))
                    time.sleep(_RETRY_SECONDS)
            except Exception:  # A failed copy of one object must not stop the replication of other objects.
                traceback.print_exc()
            finally:
                self._current = None
                self._written.task_done()


def copy(bucket: str, key: str, written: datetime, is_down: Callable[[str], bool]) -> bool:
    """Copies the version of an S3 object that was the newest at the time `written`. The copies go to each destination
    bucket that lacks this version.

    Returns False if a bucket is unreachable. The caller then repeats the copy later.
    """
    newest, missing = _missing_copies(bucket, key, written)
    if not missing:
        return True
    if is_down(bucket):
        return False
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    source = backend.buckets[bucket]
    rules = _rules(source.replication, key, isinstance(newest, FakeDeleteMarker))
    for name in missing:
        if lacking := missing_permission(source, key, rules[name], isinstance(newest, FakeDeleteMarker)):
            setattr(newest, _FAILED, {**getattr(newest, _FAILED, {}), name: lacking})
        elif not is_down(name):
            with WRITING:
                (_delete if isinstance(newest, FakeDeleteMarker) else _put)(backend, name, key, newest)
                _keep_version(backend.buckets[name].keys.getlist(key)[-1], newest)
    return not any(is_down(name) for name in missing)


def status_of(bucket: str, key: str) -> str | None:
    """Returns the replication status of the newest version of an S3 object, or None if no rule matches the object."""
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    source = backend.buckets[bucket]
    newest = source.keys.getlist(key)[-1]
    if getattr(newest, _IS_REPLICA, False):
        return "REPLICA"
    names = list(_rules(getattr(source, "replication", None), key, False))
    if not names:
        return None
    if getattr(newest, _FAILED, {}):
        return "FAILED"
    copied = [
        any(version.version_id == newest.version_id for version in backend.buckets[name].keys.getlist(key, []))
        for name in names
        if name in backend.buckets
    ]
    return "COMPLETED" if all(copied) else "PENDING"


def _missing_copies(bucket: str, key: str, written: datetime) -> tuple[Any, list[str]]:
    """Returns the version of an S3 object that was the newest at the time `written`. Also returns the destination
    buckets that lack this version.
    """
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    source = backend.buckets.get(bucket)
    versions: list[Any] = source.keys.getlist(key, []) if source is not None else []
    until = [version for version in versions if version.last_modified.replace(tzinfo=UTC) <= written]
    if not until or getattr(until[-1], _IS_REPLICA, False):
        return None, []
    newest, missing = until[-1], list[str]()
    for name in _rules(getattr(source, "replication", None), key, isinstance(newest, FakeDeleteMarker)):
        replica = backend.buckets.get(name)
        if replica is not None and replica.is_versioned and name not in getattr(newest, _FAILED, {}):
            known = [version.version_id for version in replica.keys.getlist(key, [])]
            missing += [] if newest.version_id in known else [name]
    return newest, missing


def _put(backend: Any, destination: str, key: str, original: Any) -> None:
    replica = backend.put_object(destination, key, original.value, storage=original.storage_class)
    replica.set_metadata(dict(original.metadata))


def _delete(backend: Any, destination: str, key: str, marker: Any) -> None:
    backend.delete_object(destination, key)


def _keep_version(replica: Any, original: Any) -> None:
    """Gives the replica of an S3 object the version ID of the original. Marks the replica, because S3 does not
    replicate a replica again."""
    replica._version_id = original.version_id
    setattr(replica, _IS_REPLICA, True)


def _rules(replication: Mapping[str, Any] | None, key: str, marker: bool) -> dict[str, Mapping[str, Any]]:
    """Returns the S3 replication rules that match an object, as a mapping from the destination bucket to the rule.
    `marker` is true if the object is a delete marker.
    """
    rules: list[dict[str, Any]] = (replication or {}).get("Rule", [])
    matching: dict[str, Mapping[str, Any]] = {}
    for rule in rules:
        marked: dict[str, str] = rule.get("DeleteMarkerReplication") or {}
        filtered: dict[str, str] = rule.get("Filter") or {}
        markers, prefix = marked.get("Status") == "Enabled", filtered.get("Prefix") or ""
        if rule["Status"] == "Enabled" and key.startswith(prefix) and (markers or not marker):
            matching[rule["Destination"]["Bucket"].rsplit(":", 1)[-1]] = rule
    return matching
