"""Spanner over its REST API (Cloud Spanner API v1), as much of it as following a change stream and reading items need.

PGAdapter and a PostgreSQL driver would be a second container, and the adapter answers no query of a change stream
(docs/decisions/change-stream-on-cloud-run.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import urllib3

_PUBLIC_API = "https://spanner.googleapis.com"
_TIMEOUT = urllib3.Timeout(connect=3, read=20)
_STRONG: Mapping[str, Any] = {"singleUse": {"readOnly": {"strong": True}}}
_BLIND: Mapping[str, Any] = {"readWrite": {}}

Row = Sequence[Any]
Parameter = tuple[str, str | None]
"""A type code such as STRING, and the value as JSON has it: numbers and times are texts, too."""


class SpannerSilent(Exception):
    """Spanner did not do what was asked; trying again may help. The message tells no data."""


class SpannerRefused(SpannerSilent):
    """Spanner found fault with the question itself: asking the same again does not help."""


class Spanner:
    """One database, `projects/…/instances/…/databases/…`. `token` gives an access token. May be asked from any thread:
    all share one multiplexed session."""

    def __init__(self, database: str, token: Callable[[], str], api: str = "") -> None:
        self._database = f"{(api or _PUBLIC_API).rstrip('/')}/v1/{database}"
        self._root = self._database.removesuffix(database)
        self._token = token
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False, maxsize=16)
        self._session = ""

    def query(self, sql: str, *parameters: Parameter) -> list[Row]:
        """Rows as they are after all that was committed before; `$1` is the first parameter. Numbers and times are
        texts. Raises SpannerSilent."""
        answer = self._in_session("executeStreamingSql", _question(sql, parameters))
        return rows_of(answer)

    def write(self, *mutations: Mapping[str, Any]) -> None:
        """Commits all or none; perhaps twice, so they must be such that this does no harm. Raises SpannerSilent."""
        self._in_session("commit", {"singleUseTransaction": _BLIND, "mutations": list(mutations)})

    def now(self) -> str:
        """Its clock, RFC 3339: later commits have later times."""
        return self.query("SELECT CURRENT_TIMESTAMP")[0][0]

    def _in_session(self, verb: str, body: Any) -> str:
        if not self._session:
            self._session = self._new_session()
        try:
            return self._post(f"{self._root}{self._session}:{verb}", body)
        except SpannerSilent:
            self._session = ""  # it may be gone: Spanner keeps no session for ever
            raise

    def _new_session(self) -> str:
        answer = self._post(f"{self._database}/sessions", {"session": {"multiplexed": True}})
        return json.loads(answer)["name"]

    def _post(self, url: str, body: Any) -> str:
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        try:
            answer: Any = cast(Any, self._pool).request("POST", url, body=json.dumps(body), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise SpannerSilent(f"Spanner does not answer: {type(error).__name__}") from None
        if answer.status == 200:
            return answer.data.decode()
        raise (SpannerRefused if answer.status == 400 else SpannerSilent)(f"Spanner answers {answer.status}")


def rows_of(answer: str) -> list[Row]:
    """The rows of an answer in parts: a JSON array of them, or, from gateways of gRPC, one beside the other. A part may
    end in the middle of a value (`PartialResultSet`), which goes on in the next."""
    width, values, goes_on = 0, list[Any](), False
    for part in _parts(answer):
        width = len(part.get("metadata", {}).get("rowType", {}).get("fields", ())) or width
        some: list[Any] = list(part.get("values", ()))
        if goes_on and some:
            values[-1] = values[-1] + some.pop(0)
        values += some
        goes_on = part.get("chunkedValue", False)
    return [values[start : start + width] for start in range(0, len(values), width)] if width else []


def _parts(answer: str) -> list[Mapping[str, Any]]:
    decoder, parts, at = json.JSONDecoder(), list[Any](), 0
    while at < len(answer):
        if answer[at].isspace():
            at += 1
            continue
        part, at = decoder.raw_decode(answer, at)
        parts += part if isinstance(part, list) else [part]
    found = [cast(Mapping[str, Any], part.get("result", part)) for part in parts]
    if any("error" in part for part in found):  # the status was sent before it went wrong
        raise SpannerSilent("Spanner ended its answer with an error")
    return found


def _question(sql: str, parameters: Sequence[Parameter]) -> Mapping[str, Any]:
    names = [f"p{number}" for number in range(1, len(parameters) + 1)]
    return {
        "sql": sql,
        "transaction": _STRONG,
        "params": {name: value for name, (_, value) in zip(names, parameters, strict=True)},
        "paramTypes": {name: {"code": code} for name, (code, _) in zip(names, parameters, strict=True)},
    }
