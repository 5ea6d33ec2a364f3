"""Records the responses of a cloud to a probe's requests, without secrets and without IDs of the account.

A recording is a JSON document in `probes/recorded/`. Tests compare responses of the emulated clouds with the
recordings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, cast

DIRECTORY = Path(__file__).with_name("recorded")

# Pairs of a regular expression and its replacement. The expression matches values that differ between two runs of a
# probe, or that identify the account. A recording contains the replacement in place of such a value.
_REPLACED = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "<hex>"),
    (re.compile(r"\bA(?:ROA|IDA|KIA|SIA)[A-Z0-9]{12,}\b"), "<id>"),
    (re.compile(r"\b\d{12}\b"), "<account>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-]\d\d:\d\d)?"), "<time>"),
    (re.compile(r"-----BEGIN [^-]+-----.*?-----END [^-]+-----", re.DOTALL), "<pem>"),
)
# Matches the names of fields that a recording of a cloud's responses leaves out. Such a field has a different value in
# each response, or can contain a secret.
_DROPPED = re.compile(
    r"(?i)request-?id|host-?id|passphrase|password|secret|token|private-?key|version-?id|cf-ray|nonce"
)
_KEPT_HEADERS = ("content-type", "retry-after", "cache-control", "cf-cache-status")


@dataclass(frozen=True)
class Answer:
    """One recorded response of a cloud.

    `call` names the API operation, or the method and the path of an HTTP request. `error` is the error code, or empty
    if the cloud accepted the request.
    """

    call: str
    status: int
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Any = None


class Recording:
    """The responses of a cloud during one run of a probe, in order.

    `run` is the random ID of this run, which is part of the name of each resource. The recording replaces the ID with a
    placeholder, so that recordings of different runs can be compared.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self.answers: list[Answer] = []

    def add(self, call: str, status: int, error: str, headers: Mapping[str, str], body: Any) -> None:
        """Adds a cloud's response to the recording of a probe. Leaves out secrets, and replaces IDs and times with
        placeholders.
        """
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in _KEPT_HEADERS}
        self.answers.append(Answer(self._clean(call), status, error, self._clean(kept), self._clean(body)))

    def write(self, probe: str, directory: Path, day: date) -> Path:
        """Writes the recording to the file `<probe>.json` in `directory`, and returns the path of the file."""
        file = directory / f"{probe}.json"
        document = {"probe": probe, "date": day.isoformat(), "answers": [vars(answer) for answer in self.answers]}
        file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
        return file

    def _clean(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            items = cast(Mapping[str, Any], value).items()
            return {name: self._clean(item) for name, item in items if not _DROPPED.search(name)}
        if isinstance(value, Sequence) and not isinstance(value, str | bytes):
            return [self._clean(item) for item in cast(Sequence[Any], value)]
        if value is None or isinstance(value, bool | int | float):
            return value
        text = str(value).replace(self._run, "<run>")
        for pattern, replacement in _REPLACED:
            text = pattern.sub(replacement, text)
        return text


def read(file: Path) -> list[Answer]:
    """Reads the responses of a cloud that a probe has recorded in a file."""
    return [Answer(**answer) for answer in json.loads(file.read_text())["answers"]]


def differences(recorded: Sequence[Answer], now: Sequence[Answer]) -> list[str]:
    """Compares two recordings of a cloud's responses, and returns one line of text for each difference. Compares the
    operation, the status and the error code of each response. If the numbers of responses differ, a further line says
    so.
    """
    found = [
        f"{_shown(new)} was recorded as {_shown(old)}"
        for old, new in zip(recorded, now, strict=False)
        if _shown(old) != _shown(new)
    ]
    if len(recorded) != len(now):
        found.append(f"{len(now)} answers were recorded as {len(recorded)}")
    return found


def _shown(answer: Answer) -> str:
    return f"{answer.call}: {answer.status} {answer.error}".rstrip()
