"""A client of Spanner's REST API (Cloud Spanner API v1). The client has only the calls that the services need: queries
and commits.

The project does not use PGAdapter with a PostgreSQL driver. PGAdapter would need a second container, and it does not
support queries of change streams (docs/decisions/change-stream-on-cloud-run.md).
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
# A query parameter: a type code such as STRING, and the value in JSON form. Numbers and times are strings, too.
Parameter = tuple[str, str | None]


class SpannerError(Exception):
    """Raised when Spanner did not complete a request. A retry may succeed. The message contains no values from the
    database, so it may be logged.
    """


class SpannerInvalidRequest(SpannerError):
    """Raised when Spanner rejected a request as invalid. A retry of the same request does not help."""


class Spanner:
    """One Spanner database, `projects/…/instances/…/databases/…`. `token` returns an access token. Any thread may call
    the methods of the database, and all threads share one multiplexed session.
    """

    def __init__(self, database: str, token: Callable[[], str], api: str = "") -> None:
        self._database = f"{(api or _PUBLIC_API).rstrip('/')}/v1/{database}"
        self._root = self._database.removesuffix(database)
        self._token = token
        self._pool = urllib3.PoolManager(timeout=_TIMEOUT, retries=False, maxsize=16)
        self._session = ""

    def query(self, sql: str, *parameters: Parameter) -> list[Row]:
        """Runs a strong read, which sees all earlier commits, and returns its rows. In the SQL text, `$1` stands for
        the first parameter. Numbers and times in the rows are strings. Raises SpannerError.
        """
        answer = self._in_session("executeStreamingSql", _request_body(sql, parameters))
        return rows_of(answer)

    def write(self, *mutations: Mapping[str, Any]) -> None:
        """Commits all mutations in one transaction, or none of them. Spanner may apply the transaction twice, so the
        mutations must be idempotent. Raises SpannerError.
        """
        self._in_session("commit", {"singleUseTransaction": _BLIND, "mutations": list(mutations)})

    def now(self) -> str:
        """Returns the time of Spanner's clock (RFC 3339). Later commits have later times. Raises SpannerError if
        Spanner refuses the query or does not answer.
        """
        return self.query("SELECT CURRENT_TIMESTAMP")[0][0]

    def _in_session(self, verb: str, body: Any) -> str:
        if not self._session:
            self._session = self._new_session()
        try:
            return self._post(f"{self._root}{self._session}:{verb}", body)
        except SpannerError:
            self._session = ""  # the session may have expired, so the next request creates a new one
            raise

    def _new_session(self) -> str:
        answer = self._post(f"{self._database}/sessions", {"session": {"multiplexed": True}})
        return json.loads(answer)["name"]

    def _post(self, url: str, body: Any) -> str:
        headers = {"Authorization": f"Bearer {self._token()}", "Content-Type": "application/json"}
        try:
            answer: Any = cast(Any, self._pool).request("POST", url, body=json.dumps(body), headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise SpannerError(f"Spanner does not answer: {type(error).__name__}") from None
        if answer.status == 200:
            return answer.data.decode()
        raise (SpannerInvalidRequest if answer.status == 400 else SpannerError)(f"Spanner answers {answer.status}")


def rows_of(answer: str) -> list[Row]:
    """Returns the rows of a response to a query. The response consists of several parts (`PartialResultSet`). Spanner
    sends the parts as a JSON array, and gRPC gateways send them as concatenated JSON objects. If a part ends in the
    middle of a value, the next part continues the value.
    """
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
    # Spanner reports an error in the body if it has already sent the HTTP status 200.
    if any("error" in part for part in found):
        raise SpannerError("Spanner ended its answer with an error")
    return found


def _request_body(sql: str, parameters: Sequence[Parameter]) -> Mapping[str, Any]:
    names = [f"p{number}" for number in range(1, len(parameters) + 1)]
    return {
        "sql": sql,
        "transaction": _STRONG,
        "params": {name: value for name, (_, value) in zip(names, parameters, strict=True)},
        "paramTypes": {name: {"code": code} for name, (code, _) in zip(names, parameters, strict=True)},
    }
