"""Checks that SQL statements use only features that both PostgreSQL and Spanner's PostgreSQL dialect have. This module
lists the features that the registry uses.

PostgreSQL's own parser (pglast) reads the statements. The check refuses every feature that is not listed. Before you
add a feature, look it up in Spanner's documentation ("The PostgreSQL language in Spanner").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from pglast import ast, parse_sql
from pglast.enums import ConstrType

_STATEMENTS = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "CreateStmt", "IndexStmt")
_PARTS = (
    *("RawStmt", "RangeVar", "ResTarget", "ColumnRef", "ParamRef", "A_Const", "Integer", "String", "A_Expr"),
    *("BoolExpr", "SortBy", "ColumnDef", "TypeName", "Constraint", "IndexElem"),
)
_TYPES = frozenset(["bool", "bytea", "date", "float8", "int8", "jsonb", "numeric", "text", "timestamptz", "varchar"])
_CONSTRAINTS = frozenset({ConstrType.CONSTR_PRIMARY, ConstrType.CONSTR_NOTNULL, ConstrType.CONSTR_NULL})
# The keys are kinds of SQL syntax nodes. The values are the fields of these nodes that Spanner does not support, or
# interprets differently from PostgreSQL.
_WITHOUT = {
    "SelectStmt": ("lockingClause", "intoClause", "distinctClause", "windowClause"),
    "InsertStmt": ("onConflictClause",),
    "UpdateStmt": ("fromClause",),
    "DeleteStmt": ("usingClause",),
    "CreateStmt": ("inhRelations", "partspec", "tablespacename", "accessMethod", "options", "ofTypename"),
    "ColumnDef": ("collClause", "identity", "compression"),
    "RangeVar": ("schemaname", "catalogname"),
    "IndexStmt": ("whereClause", "tableSpace", "options"),
    "IndexElem": ("expr", "collation", "opclass"),
}
_PERMANENT = "p"


def refusals(sql: str) -> list[str]:
    """Returns an error message for each feature of the SQL statements in `sql` that Spanner's dialect does not support.

    `%s` and `%b` in the statements are parameters.
    """
    numbers = iter(range(1, 100))
    parsed: tuple[Any, ...] = cast(Any, parse_sql)(re.sub("%[sb]", lambda _: f"${next(numbers)}", sql))
    return [refusal for statement in parsed for node in _nodes(statement) for refusal in _of(node)]


def _of(node: Any) -> Iterator[str]:
    kind = type(node).__name__
    if kind not in _STATEMENTS + _PARTS:
        yield kind
    for member in _WITHOUT.get(kind, ()):
        if getattr(node, member) not in (None, "", "\0", ()):
            yield f"{kind}.{member}"
    if kind == "TypeName" and node.names[-1].sval not in _TYPES:
        yield f"type {node.names[-1].sval}"
    if kind == "Constraint" and node.contype not in _CONSTRAINTS:
        yield f"constraint {ConstrType(node.contype).name}"
    if kind == "CreateStmt":
        if node.relation.relpersistence != _PERMANENT:
            yield "a table that is not kept"
        if ConstrType.CONSTR_PRIMARY not in [each.contype for each in _nodes(node) if isinstance(each, ast.Constraint)]:
            yield "a table without a primary key"
    if kind == "IndexStmt" and node.accessMethod != "btree":
        yield f"index of kind {node.accessMethod}"


def _nodes(value: Any) -> Iterator[Any]:
    """Yields a node of the SQL syntax tree and all nodes below it."""
    if isinstance(value, tuple):
        for each in cast("tuple[Any, ...]", value):
            yield from _nodes(each)
    elif isinstance(value, ast.Node):
        yield value
        for member in cast(Any, value).__slots__:
            yield from _nodes(getattr(value, member))
