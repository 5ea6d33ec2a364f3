"""Creates, changes and drops the databases of the emulated Spanner. PostgreSQL executes their DDL, statements and
mutations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
from psycopg import sql

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.spanner.cluster import Cluster

_STREAM = re.compile(r"CREATE CHANGE STREAM (\w+) FOR (\w+) WITH .*NEW_ROW_AND_OLD_VALUES.*", re.DOTALL)
_TTL = re.compile(r"ALTER TABLE \w+ ADD TTL INTERVAL .*")
_STAND_IN = Path(__file__).with_name("change_stream.sql")
_CODES = {"int8": "INT64", "int4": "INT64", "bool": "BOOL", "timestamptz": "TIMESTAMP", "jsonb": "JSON"}


class Databases:
    """The databases of all emulated Spanner instances. A database's name must be unique across instances, because
    PostgreSQL has no instances."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        if cluster.made:
            cluster.start()

    def create(self, database: str, statements: Sequence[str]) -> None:
        """Creates a Spanner database and executes the DDL statements. If a statement fails, deletes the database again
        and raises Refused with PostgreSQL's message."""
        self._cluster.start()
        try:
            self._cluster.create(database)
        except psycopg.errors.DuplicateDatabase:
            raise Refused(501, f"not emulated: databases with the same name ({database}) in two instances") from None
        try:
            self.alter(database, statements)
        except Refused:
            self.drop(database)
            raise

    def alter(self, database: str, statements: Sequence[str]) -> None:
        with self._cluster.connect(database) as connection:
            for statement in statements:
                try:
                    connection.execute(cast(LiteralString, _in_postgresql(statement)))
                except psycopg.Error as error:
                    raise Refused(400, f"{statement.split('(')[0]}: {error}") from None

    def drop(self, database: str) -> None:
        self._cluster.start()
        self._cluster.drop(database)

    def replace_partitions(self) -> None:
        """Replaces the partitions of all Spanner change streams. Spanner replaces partitions when the load changes, so
        programs that read a stream must expect this at any time.
        """
        for database in self._database_names():
            with self._cluster.connect(database) as connection:
                for row in connection.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'replace_partitions_%'"):
                    connection.execute(sql.SQL("SELECT {}()").format(sql.Identifier("spanner", row[0])))

    def _database_names(self) -> list[str]:
        if not self._cluster.running:
            return []
        with self._cluster.connect("postgres") as connection:
            found = connection.execute(
                "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
            )
            return [row[0] for row in found]

    def query(self, database: str, statement: str, parameters: Sequence[Any]) -> Json:
        """Executes a query on a Spanner database and returns the result set in the form of Spanner's REST API."""
        try:
            with self._cluster.connect(database, cursor_factory=psycopg.RawCursor) as connection:
                cursor = connection.execute(cast(LiteralString, statement), parameters)
                fields = [
                    {"name": column.name, "type": {"code": _CODES.get(column.type_display, "STRING")}}
                    for column in cursor.description or ()
                ]
                rows = [[_as_json(value) for value in row] for row in cursor]
        except psycopg.Error as error:
            raise _refusal(error) from None
        return {"metadata": {"rowType": {"fields": fields}}, "rows": rows}

    def commit(self, database: str, mutations: Sequence[Json]) -> None:
        """Applies all mutations to a Spanner database in one transaction. Raises Refused if one of the mutations
        fails."""
        try:
            with self._cluster.connect(database) as connection, connection.transaction():
                for mutation in mutations:
                    (kind, mutation_body), *_ = mutation.items()
                    if kind == "delete":
                        _delete(connection, mutation_body)
                    elif kind in ("insert", "update", "insertOrUpdate"):
                        _put(connection, kind, mutation_body)
                    else:
                        raise Refused(501, f"not emulated: the mutation {kind}")
        except psycopg.Error as error:
            raise _refusal(error) from None


def _in_postgresql(statement: str) -> str:
    if _TTL.fullmatch(statement):
        # The emulation ignores the TTL of a table and never deletes expired rows. The project's programs check the
        # expiry time of each row that they read.
        return "SELECT 1"
    stream = _STREAM.fullmatch(statement)
    if stream:
        return _STAND_IN.read_text().format(stream=stream[1], table=stream[2])
    return statement


def _put(connection: psycopg.Connection[Any], kind: str, mutation_body: Mapping[str, Any]) -> None:
    table, columns = mutation_body["table"], cast(list[str], mutation_body["columns"])
    keys = _key_columns(connection, table)
    others = [column for column in columns if column not in keys]
    assignments = sql.SQL(", ").join(
        sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(column)) for column in others or keys
    )
    if kind == "update":
        sets = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(c), sql.Placeholder(c)) for c in others)
        statement = sql.SQL("UPDATE {} SET {} WHERE {}").format(sql.Identifier(table), sets, _key_condition(keys))
    else:
        conflict = sql.SQL("ON CONFLICT ({}) DO UPDATE SET {}").format(_database_names(keys), assignments)
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) {}").format(
            sql.Identifier(table),
            _database_names(columns),
            sql.SQL(", ").join(map(sql.Placeholder, columns)),
            conflict if kind == "insertOrUpdate" else sql.SQL(""),
        )
    for row in mutation_body["values"]:
        if connection.execute(statement, dict(zip(columns, row, strict=True))).rowcount == 0:
            raise Refused(404, f"{table}: no such row")


def _delete(connection: psycopg.Connection[Any], mutation_body: Mapping[str, Any]) -> None:
    keys = _key_columns(connection, mutation_body["table"])
    if mutation_body["keySet"].keys() != {"keys"}:
        raise Refused(501, "not emulated: a key set that is not a list of keys")
    statement = sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(mutation_body["table"]), _key_condition(keys))
    for key in mutation_body["keySet"]["keys"]:
        connection.execute(statement, dict(zip(keys, key, strict=True)))


def _key_columns(connection: psycopg.Connection[Any], table: str) -> list[str]:
    found = connection.execute(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
        " WHERE i.indrelid = to_regclass(%s) AND i.indisprimary"
        " ORDER BY array_position(i.indkey::int[], a.attnum::int)",
        (table,),
    ).fetchall()
    if not found:
        raise Refused(404, f"Table not found: {table}")
    return [row[0] for row in found]


def _database_names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _key_condition(keys: Sequence[str]) -> sql.Composed:
    return sql.SQL(" AND ").join(sql.SQL("{} = {}").format(sql.Identifier(key), sql.Placeholder(key)) for key in keys)


def _as_json(value: Any) -> Any:
    """Returns a PostgreSQL value in the form of Spanner's REST API, where 64-bit numbers, times and JSON are
    strings."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _refusal(error: psycopg.Error) -> Refused:
    """Returns the error of the Spanner API for an error of PostgreSQL. The status is 400 for PostgreSQL's error classes
    22, 23, 42 and P0, because the caller's statement causes these errors (PostgreSQL, "Error Codes"). The status is 503
    for all other errors.
    """
    own = (error.sqlstate or "")[:2] in ("22", "23", "42", "P0")
    return Refused(400 if own else 503, " ".join(str(error).split()))
