"""S3 replication between the emulated buckets, of which moto 5.2 keeps the rules and copies nothing.

After the S3 User Guide, "Replicating objects within and across Regions": new versions of objects that match an enabled
rule are copied with their metadata, asynchronously; what is a replica itself, or was there before the rule, is not.
"""

from __future__ import annotations

import json
import queue
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from moto.s3.models import FakeDeleteMarker, s3_backends

from local.aws.requests import Application, addressed_object
from local.layout import AWS_ACCOUNT_ID

PATH = "/_artifact-edge/replication"
"""GET answers `{"pending": 0, "paused": false}`; PUT `{"paused": true}` holds copies back until it is false again."""

_IS_REPLICA = "artifact_edge_replica"


class Replication:
    """WSGI middleware over the emulated API: notes what was written, and copies it from a thread of its own."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._written: queue.Queue[tuple[str, str]] = queue.Queue()
        self._running = threading.Event()
        self._running.set()
        threading.Thread(target=self._copy_forever, daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return self._answer(environ, start_response)
        written = addressed_object(environ) if environ["REQUEST_METHOD"] in ("PUT", "POST", "DELETE") else None

        def note(status: str, headers: Any, *more: Any) -> Any:
            if written is not None and status.startswith("2"):
                self._written.put(written)
            return start_response(status, headers, *more)

        return self._application(environ, note)

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT":
            asked = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            if set(asked) != {"paused"} or not isinstance(asked["paused"], bool):
                start_response("400 Bad Request", [("Content-Type", "text/plain")])
                return [b'only {"paused": true} or {"paused": false} is understood\n']
            (self._running.clear if asked["paused"] else self._running.set)()
        start_response("200 OK", [("Content-Type", "application/json")])
        state = {"pending": self._written.unfinished_tasks, "paused": not self._running.is_set()}
        return [json.dumps(state).encode()]

    def _copy_forever(self) -> None:
        while True:
            bucket, key = self._written.get()
            self._running.wait()
            try:
                copy(bucket, key)
            except Exception:  # one object that cannot be copied must not end the replication of all others
                traceback.print_exc()
            finally:
                self._written.task_done()


def copy(bucket: str, key: str) -> None:
    """Brings the replicas of an object up to date with its newest version."""
    backend: Any = s3_backends[AWS_ACCOUNT_ID]["aws"]
    source = backend.buckets.get(bucket)
    versions: list[Any] = source.keys.getlist(key, []) if source is not None else []
    if not versions or getattr(versions[-1], _IS_REPLICA, False):
        return
    newest = versions[-1]
    marker = isinstance(newest, FakeDeleteMarker)
    for name in _destinations(getattr(source, "replication", None), key, marker):
        destination = backend.buckets.get(name)
        if destination is None or not destination.is_versioned:
            continue
        if newest.version_id not in [replica.version_id for replica in destination.keys.getlist(key, [])]:
            (_delete if marker else _put)(backend, name, key, newest)
            _keep_version(destination.keys.getlist(key)[-1], newest)


def _put(backend: Any, destination: str, key: str, original: Any) -> None:
    replica = backend.put_object(destination, key, original.value, storage=original.storage_class)
    replica.set_metadata(dict(original.metadata))


def _delete(backend: Any, destination: str, key: str, marker: Any) -> None:
    backend.delete_object(destination, key)


def _keep_version(replica: Any, original: Any) -> None:
    """A replica has its original's version, and is never copied on."""
    replica._version_id = original.version_id
    setattr(replica, _IS_REPLICA, True)


def _destinations(replication: Mapping[str, Any] | None, key: str, marker: bool) -> Iterator[str]:
    """Buckets that a rule names for the object, or for its deletion."""
    rules: list[dict[str, Any]] = (replication or {}).get("Rule", [])
    for rule in rules:
        marked: dict[str, str] = rule.get("DeleteMarkerReplication") or {}
        filtered: dict[str, str] = rule.get("Filter") or {}
        markers, prefix = marked.get("Status") == "Enabled", filtered.get("Prefix") or ""
        if rule["Status"] == "Enabled" and key.startswith(prefix) and (markers or not marker):
            yield rule["Destination"]["Bucket"].rsplit(":", 1)[-1]
