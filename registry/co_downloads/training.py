"""Trains the model of co-downloads, which are packages that clients request in the same install. DuckDB runs the SQL
statements in `training.sql` on the access logs of the shields (regional caches), on one machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import duckdb

from registry import RegistryError
from registry.co_downloads.model import Figures, Model, by_package

_STATEMENTS = Path(__file__).with_name("training.sql")
# The SQL statements read these fields from each line of the access log. A line may lack the field `install`, which
# identifies an install. The SQL value is then NULL.
_COLUMNS = {"time": "VARCHAR", "method": "VARCHAR", "path": "VARCHAR", "status": "INTEGER", "install": "VARCHAR"}
# The training ignores an install id whose requests name more packages than this number. So many packages do not belong
# to one install: a mirror made the requests, or one principal ran many installs at the same time.
_LARGEST = 500


@dataclass(frozen=True)
class Settings:
    """Settings for the training of the model of co-downloads. The last `held_out_days` days of the logs test the model.
    The training does not use these days.

    The model contains a pair of packages if at least `support` installs have both packages. In addition, at least
    `confidence` percent of the installs with the first package must also have the second package. The second package is
    then a successor of the first. A package has at most `most` successors.
    """

    held_out_days: int = 7
    support: int = 20
    confidence: int = 50
    most: int = 8


class Training:
    """The package installs that are recorded in the access logs below a directory. Raises RegistryError if the
    directory has no logs, if a log cannot be read, or if the logs record no install.
    """

    def __init__(self, logs: Path) -> None:
        files = sorted(str(file) for pattern in ("*.json", "*.json.gz") for file in logs.rglob(pattern))
        if not files:
            raise RegistryError(f"logs {logs}: no file *.json or *.json.gz is in this directory or below it")
        self._logs = logs
        self._connection = duckdb.connect()
        requests, *self._later = _statements()
        try:
            lines = self._connection.read_json(files, columns=_COLUMNS, format="newline_delimited")
            lines.filter("install IS NOT NULL").to_table("shield_requests")
            self._connection.execute(requests)
        except duckdb.Error as error:
            raise RegistryError(f"logs {logs}: {str(error).splitlines()[0]}") from None
        if not self._rows("SELECT * FROM package_requests LIMIT 1"):
            raise RegistryError(
                f"logs {logs}: no line has the id of an install; add `install` to the setting "
                "artifact-edge:shield_log_fields, and wait for installs without prediction"
            )

    def packages(self) -> list[str]:
        """Returns the packages that clients requested in the logged installs, such as `npm:@acme/web`."""
        return [unquote(name) for (name,) in self._rows("SELECT DISTINCT package FROM package_requests ORDER BY 1")]

    def train(self, lists: Iterable[tuple[str, str]], settings: Settings) -> Model:
        """Trains a model on all days of the logs except the last days, which are held out. Tests the model on these
        held-out days. Returns the model with the result of the test.

        `lists` contains pairs of packages that need no model. When a client requests a document of the first package,
        the edge always prefetches the second package. The model leaves these pairs out.
        """
        first, last = self._days()
        held_out_from = last - timedelta(days=settings.held_out_days - 1)
        if first >= held_out_from:
            raise RegistryError(
                f"logs {self._logs}: have installs from {first} to {last}; without the last {settings.held_out_days} "
                "days, which are held out, no day is left to train with"
            )
        row = [str(held_out_from), settings.support, settings.confidence, settings.most, _LARGEST]
        self._table("training (held_out_from text, support int, confidence int, most int, largest int)", [row])
        self._table("lists (package text, successor text)", [[_quoted(one), _quoted(other)] for one, other in lists])
        for statement in self._later:
            self._connection.execute(statement)
        last_day = held_out_from - timedelta(days=1)
        return Model(
            format=1,
            first_day=str(first),
            last_day=str(last_day),
            figures=self._figures(),
            successors=self._successors(),
        )

    def _days(self) -> tuple[date, date]:
        ((first, last),) = self._rows("SELECT min(first_request), max(first_request) FROM package_requests")
        try:
            return date.fromisoformat(first[:10]), date.fromisoformat(last[:10])
        except ValueError as error:
            raise RegistryError(
                f"logs {self._logs}: a line has no time such as 2026-11-27T09:00:00Z: {error}"
            ) from None

    def _successors(self) -> dict[str, list[str]]:
        query = "SELECT package, successor FROM successors ORDER BY package, together DESC, successor"
        return by_package(iter(self._rows(query)))

    def _figures(self) -> Figures:
        ((installs, held_out_installs, wanted, predicted, hits),) = self._rows(
            "SELECT installs, held_out_installs, wanted, predicted, hits FROM figures"
        )
        return Figures(
            installs=installs, held_out_installs=held_out_installs, wanted=wanted, predicted=predicted, hits=hits
        )

    def _table(self, table: str, rows: list[list[Any]]) -> None:
        """Creates a table and inserts `rows` into it. `table` contains the table's name and the definitions of its
        columns.
        """
        self._connection.execute(f"CREATE TABLE {table}")
        columns = [list(column) for column in zip(*rows, strict=True)]
        if columns:
            values = ", ".join("unnest(?)" for _ in columns)
            self._connection.execute(f"INSERT INTO {table.partition(' ')[0]} SELECT {values}", columns)

    def _rows(self, query: str) -> list[Any]:
        return self._connection.execute(query).fetchall()


def _quoted(package: str) -> str:
    """Returns a package name in the encoding of the access log's paths. For example, `npm:@acme/web` becomes
    `npm:%40acme/web`.
    """
    ecosystem, _, name = package.partition(":")
    return f"{ecosystem}:{quote(name, safe='/')}"


def _statements() -> list[str]:
    text = "\n".join(line for line in _STATEMENTS.read_text().splitlines() if not line.startswith("--"))
    return [each for each in text.split(";") if each.strip()]
