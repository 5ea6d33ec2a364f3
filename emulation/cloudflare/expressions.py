"""Translates expressions of Cloudflare's Rules language into JSON, which `pop/rules.js` evaluates in each PoP.

The emulation supports a part of the language. An expression that uses an unsupported part is refused with an error that
names this part.

Source: Cloudflare Ruleset Engine, "Rules language": "Fields reference", "Operators", "Functions", "Values".
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Sequence
from typing import Any

from emulation.cloudflare.envelope import ApiError

Json = list[Any]

# The maximum length of a Rules expression in characters (Ruleset Engine, "Expressions", "Maximum rule expression
# length").
MAX_LENGTH = 4096
# The error code for a Rules expression that cannot be parsed. Cloudflare does not document the code that it uses.
INVALID = 20127

# The fields of requests that the emulated Rules language supports, with their types (Ruleset Engine, "Fields
# reference").
_FIELDS = {
    "http.host": "string",
    "http.request.method": "string",
    "http.request.uri.path": "string",
    "raw.http.request.uri": "string",
    "raw.http.request.uri.path": "string",
    "ip.src": "ip",
    "ip.src.country": "string",
    "http.request.headers.truncated": "boolean",
    "http.request.headers": "map",
    "http.request.headers.values": "array",
}
# The functions that the emulated Rules language supports, with the types of their results (Ruleset Engine,
# "Functions").
_FUNCTIONS = {"any": "boolean", "len": "integer", "lower": "string", "starts_with": "boolean"}
_OPERATORS = {"==": "eq", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_COMPARISONS = {
    "string": {"eq", "contains", "in"},
    "ip": {"eq", "in"},
    "integer": {"eq", "lt", "le", "gt", "ge", "in"},
}
_LOGICAL = {"&&": "and", "||": "or", "!": "not"}
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\["\\])*") |
        (?P<address>[0-9a-fA-F]*:[0-9a-fA-F:.]*(?:/\d+)? | \d+\.\d+\.\d+\.\d+(?:/\d+)?) |
        (?P<integer>\d+) |
        (?P<name>[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*) |
        (?P<symbol>&&|\|\||[=!<>]=|[<>!(){}\[\],*$~^])
    )""",
    re.VERBOSE,
)


class Parser:
    """Parses one expression of Cloudflare's Rules language. The methods of this class raise ApiError if the expression
    is invalid or not emulated.
    """

    def __init__(self, expression: str) -> None:
        if len(expression) > MAX_LENGTH:
            raise _invalid(f"it has {len(expression)} characters; at most {MAX_LENGTH} are allowed")
        self._tokens = list(_tokens(expression))
        self._next = 0
        self.fields: list[str] = []

    def parse(self) -> Json:
        """Parses a whole expression of the Rules language, and returns the parsed expression as JSON."""
        result = self._or()
        if self._next < len(self._tokens):
            raise _invalid(f"unexpected {self._peek()!r}")
        return result

    def _or(self) -> Json:
        return self._chain("or", self._and)

    def _and(self) -> Json:
        return self._chain("and", self._not)

    def _chain(self, operator: str, operand: Any) -> Json:
        operands = [operand()]
        while _LOGICAL.get(self._peek(), self._peek()) == operator:
            self._take()
            operands.append(operand())
        if self._peek() in ("xor", "^^"):
            raise _unsupported("operator xor")
        return operands[0] if len(operands) == 1 else [operator, *operands]

    def _not(self) -> Json:
        if _LOGICAL.get(self._peek(), self._peek()) == "not":
            self._take()
            return ["not", self._not()]
        if self._peek() == "(":
            self._take()
            inner = self._or()
            self._take(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Json:
        value, kind = self._value()
        operator = _OPERATORS.get(self._peek(), self._peek())
        if kind == "boolean":
            if operator in ("", "and", "or", ")", "&&", "||"):
                return value
            raise _unsupported(f"operator {operator} with a boolean")
        if operator not in _COMPARISONS.get(kind, ()):
            raise _unsupported(f"operator {operator or 'none'} with a value of type {kind}")
        self._take()
        literals = self._set(kind) if operator == "in" else [self._literal(kind)]
        return ["compare", operator, value, literals]

    def _value(self) -> tuple[Json, str]:
        """Parses a field or a function call in an expression of Cloudflare's Rules language. Returns the syntax tree as
        JSON, and the type of the expression's value.
        """
        name = self._take()
        if self._peek() == "(":
            return self._call(name)
        if name not in _FIELDS:
            raise _unsupported(f"field {name}")
        kind = _FIELDS[name]
        self.fields.append(name)
        value: Json = ["field", name]
        if kind == "map":
            self._take("[")
            value, kind = ["header", json.loads(self._take())], "array"
            self._take("]")
        if kind == "array":
            value, kind = self._item(value), "string"
        return value, kind

    def _item(self, array: Json) -> Json:
        """Parses the index that follows an array in an expression of Cloudflare's Rules language. A number in brackets,
        such as `[0]`, selects one item, and `[*]` selects every item.
        """
        if self._peek() != "[":
            raise _unsupported("an array without an index")
        self._take()
        index = self._take()
        self._take("]")
        if index == "*":
            return ["each", array]
        return ["item", array, int(index)]

    def _call(self, name: str) -> tuple[Json, str]:
        if name not in _FUNCTIONS:
            raise _unsupported(f"function {name}")
        self._take("(")
        if name == "any":
            argument: Json = self._or()
            self._take(")")
            return ["any", argument], "boolean"
        argument, kind = self._value()
        if kind != "string":
            raise _invalid(f"{name}() takes a string, not a value of type {kind}")
        call = [name, argument]
        if name == "starts_with":
            self._take(",")
            call.append(self._literal("string"))
        self._take(")")
        # In `any(lower(names[*])[*] == "a")`, the function `lower` is called for each item of an array. Cloudflare
        # requires the second `[*]`, which selects each result of the function. The emulation ignores this `[*]`.
        if self._peek() == "[":
            self._take()
            self._take("*")
            self._take("]")
        return call, _FUNCTIONS[name]

    def _set(self, kind: str) -> Json:
        if self._peek() == "$":
            raise _unsupported("a list")
        self._take("{")
        literals: Json = []
        while self._peek() != "}":
            literals.append(self._literal(kind))
        self._take("}")
        if not literals:
            raise _invalid("a set is empty")
        return literals

    def _literal(self, kind: str) -> Any:
        text = self._take()
        try:
            if kind == "ip":
                return _network(text)
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, str if kind == "string" else int):
            raise _invalid(f"{text!r} is not of type {kind}")
        return value

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _take(self, expected: str | None = None) -> str:
        token = self._peek()
        if token == "" or (expected is not None and token != expected):
            raise _invalid(f"{token or 'the end'!r} where {expected or 'a value'!r} is expected")
        self._next += 1
        return token


def parse(expression: str) -> Json:
    """Parses an expression of Cloudflare's Rules language, and returns the parsed expression as JSON. Raises ApiError
    if the expression is invalid or not emulated.
    """
    return Parser(expression).parse()


def fields_of(expression: str) -> Sequence[str]:
    """Returns the names of the request fields that an expression of Cloudflare's Rules language reads, in the order in
    which they occur. Raises ApiError if the expression is invalid or not emulated.
    """
    parser = Parser(expression)
    parser.parse()
    return parser.fields


def _tokens(expression: str) -> Sequence[str]:
    tokens: list[str] = []
    position, end = 0, len(expression.rstrip())
    while position < end:
        match = _TOKEN.match(expression, position)
        if match is None:
            raise _unsupported(f"the syntax at {expression[position : position + 20]!r}")
        tokens.append(match[0].strip())
        position = match.end()
    return tokens


def _network(text: str) -> list[int]:
    """Converts an IPv4 network to a list of two numbers: the first address and the prefix length. Returns an empty list
    for an IPv6 network, because clients of the emulated PoPs have only IPv4 addresses.
    """
    network = ipaddress.ip_network(text)
    return [int(network.network_address), network.prefixlen] if network.version == 4 else []


def _invalid(reason: str) -> ApiError:
    return ApiError(400, INVALID, f"the expression is invalid: {reason}")


def _unsupported(what: str) -> ApiError:
    return ApiError(501, 10405, f"not emulated: {what} in an expression")
