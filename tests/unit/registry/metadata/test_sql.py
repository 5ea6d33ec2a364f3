"""Tests that Spanner accepts the registry's SQL. The tests parse the SQL with PostgreSQL's parser, and look for
features that Spanner lacks. If Google's Spanner emulator is installed, the tests also run the SQL on the emulator.
"""

from __future__ import annotations

import itertools
import re

import pytest

from infra.metadata.spanner import POSITIONS, SCHEMA, SPANNER_ONLY, statements
from registry.metadata import spanner as registry_spanner
from tests.support.spanner import Refused, Spanner, spanner
from tests.support.spanner_dialect import refusals

__all__ = ["spanner"]

STATEMENTS = {
    name: value for name, value in vars(registry_spanner).items() if name.isupper() and isinstance(value, str)
}
LACKING = [
    "CREATE TABLE a (k bigserial PRIMARY KEY)",
    "CREATE TABLE a (k bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
    "CREATE TABLE a (k varchar)",
    "CREATE TABLE a (k varchar PRIMARY KEY, v smallint)",
    "CREATE TABLE a (k varchar PRIMARY KEY, v timestamp)",
    "CREATE TABLE a (k varchar PRIMARY KEY, v json)",
    "CREATE TABLE a (k inet PRIMARY KEY)",
    'CREATE TABLE a (k varchar COLLATE "C" PRIMARY KEY)',
    "CREATE TABLE a (k varchar PRIMARY KEY, v varchar UNIQUE)",
    "CREATE UNLOGGED TABLE a (k varchar PRIMARY KEY)",
    "CREATE TABLE a (k varchar PRIMARY KEY) PARTITION BY HASH (k)",
    "CREATE TABLE a (k varchar PRIMARY KEY) INHERITS (items)",
    "CREATE TABLE a (LIKE items)",
    "CREATE SEQUENCE s",
    "CREATE TRIGGER t AFTER INSERT ON items EXECUTE FUNCTION f()",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'",
    "CREATE TYPE e AS ENUM ('a')",
    "CREATE EXTENSION pgcrypto",
    "CREATE INDEX i ON items USING gin (document)",
    "CREATE INDEX i ON items (lower(document))",
    "CREATE MATERIALIZED VIEW m AS SELECT pk FROM items",
    "CREATE RULE r AS ON INSERT TO items DO NOTHING",
    "ALTER TABLE items ENABLE ROW LEVEL SECURITY",
]
LACKING_QUERIES = [
    "INSERT INTO items (pk, sk, document, version) VALUES ('a', 'b', 'c', 1)"
    " ON CONFLICT (pk, sk) DO UPDATE SET version = items.version + 1",
    "SELECT nextval('s')",
    "SELECT pg_advisory_xact_lock(1)",
    "DELETE FROM items USING items AS others WHERE items.pk = others.sk",
]


def test_the_statements_are_all_found() -> None:
    assert {"READ", "READ_PAGE", "VERSIONS", "INSERT", "UPDATE", "DELETE"} <= STATEMENTS.keys()


@pytest.mark.parametrize("sql", [*STATEMENTS.values(), SCHEMA.read_text(), POSITIONS.read_text()])
def test_both_servers_support_the_statements(sql: str) -> None:
    assert refusals(sql) == []


@pytest.mark.parametrize("sql", [*LACKING, *LACKING_QUERIES])
def test_features_that_spanner_lacks_are_refused(sql: str) -> None:
    assert refusals(sql) != []


def test_spanner_accepts_the_schema(spanner: Spanner) -> None:
    scripts = (SCHEMA, SPANNER_ONLY, POSITIONS)
    database = spanner.database("schema", [line for script in scripts for line in statements(script.read_text())])
    taken = spanner.ddl(database)
    (table,) = (statement for statement in taken if statement.startswith("CREATE TABLE items ("))
    (stream,) = (statement for statement in taken if statement.startswith("CREATE CHANGE STREAM"))
    assert "TTL INTERVAL '0 DAYS' ON expires" in table
    assert stream.startswith("CREATE CHANGE STREAM items_changes\nFOR items\n")
    assert "value_capture_type = 'NEW_ROW_AND_OLD_VALUES'" in stream


def test_spanner_accepts_the_statements(spanner: Spanner) -> None:
    database = spanner.database("statements", statements(SCHEMA.read_text()))
    types = {name: spanner.plan(database, numbered(sql)) for name, sql in STATEMENTS.items()}
    assert types["INSERT"] == ["STRING", "STRING", "STRING", "INT64", "TIMESTAMP"]
    assert types["VERSIONS"] == ["STRING", "ARRAY"]


def test_spanner_refuses_what_the_list_refuses(spanner: Spanner) -> None:
    """Checks the project's list of SQL features that Spanner lacks. Google's emulator must refuse each of these
    features.
    """
    database = spanner.database("lacking", statements(SCHEMA.read_text()))
    taken: list[str] = []
    for number, sql in enumerate(LACKING):
        try:
            spanner.database(f"lacking-{number}", [*statements(SCHEMA.read_text()), sql])
            taken.append(sql)
        except Refused:
            pass
    for sql in LACKING_QUERIES:
        try:
            spanner.plan(database, sql)
            taken.append(sql)
        except Refused:
            pass
    assert taken == []


def numbered(sql: str) -> str:
    numbers = itertools.count(1)
    return re.sub("%[sb]", lambda _: f"${next(numbers)}", sql)
