"""Creates, changes and drops the PostgreSQL databases that emulate Spanner databases."""

from __future__ import annotations

from collections.abc import Sequence

from emulation.gcp.catalog import Json, Refused
from emulation.gcp.spanner.databases import Databases

PATH = "spanner/v1/projects/{project}/instances/{instance}/databases"


class DatabaseEffect:
    """Executes the DDL statements of an emulated Spanner database on the PostgreSQL database that emulates it. An
    update of the database may append statements, but must not change or remove statements that were already executed.
    """

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    def create(self, document: Json) -> None:
        if document.get("databaseDialect") != "POSTGRESQL":
            raise Refused(501, "not emulated: a database of another dialect than POSTGRESQL")
        self._databases.create(_name(document), document.get("extraStatements", ()))

    def update(self, old: Json, new: Json) -> None:
        before: Sequence[str] = old.get("extraStatements", ())
        after: Sequence[str] = new.get("extraStatements", ())
        if list(after[: len(before)]) != list(before):
            raise Refused(501, "not emulated: a change of executed statements; only append statements")
        self._databases.alter(_name(new), after[len(before) :])

    def delete(self, document: Json) -> None:
        self._databases.drop(_name(document))


def _name(document: Json) -> str:
    return document["selfLink"].rsplit("/", 1)[1]
