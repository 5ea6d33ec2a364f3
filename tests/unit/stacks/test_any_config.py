"""Loads random stack configs. The config loader must return a stack or list the mistakes in the config. It must never
fail with a stack trace.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from stacks.config import ConfigError, Stack, load
from tests.support.stacks import ENVIRONMENTS, ON_GOOGLE, stack_config

# Each line of an error message names the setting, then the setting's value, and then what is wrong.
LINE = re.compile(
    r'(artifact-edge:([\w.-]|\[[0-9]+\]|\["([^"\\]|\\.)*"\])+|aws:region|gcp:project|stack name): \S.*', re.ASCII
)

TEXTS = st.text() | st.sampled_from(
    ["", " ", "\n", "é", "null", "true", "-1", "{", "[", '{"a":', "[1,", "xn--", "*", "a@b.test", "us-east-1", "gcp"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def documents() -> list[dict[str, Any]]:
    """Returns each environment's stack config, and the config of a stack that is entirely on Google Cloud. JSON values
    are decoded.
    """
    decoded: list[dict[str, Any]] = []
    for environment in ENVIRONMENTS:
        values = stack_config(environment)
        decoded.append({key: json.loads(value) if value[0] in "[{" else value for key, value in values.items()})
    return [*decoded, decoded[-1] | {f"artifact-edge:{key}": value for key, value in ON_GOOGLE.items()}]


def places(value: Any, place: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """Yields the path of each value in a JSON document."""
    entries: dict[Any, Any] = dict(enumerate(cast("list[Any]", value))) if isinstance(value, list) else {}
    if isinstance(value, dict):
        entries = cast("dict[Any, Any]", value)
    for key, inner in entries.items():
        yield (*place, key)
        yield from places(inner, (*place, key))


# The first load of a stack config takes a second, because the loader then reads the list of EC2's instance types.
SLOW_AT_FIRST = settings(deadline=None)
DOCUMENTS = [(document, list(places(document))) for document in documents()]


@st.composite
def changed(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """Generates a stack config: a valid config with up to three random changes to its values.

    Returns the changed config, and the top-level key of the last change.
    """
    document, known = draw(st.sampled_from(DOCUMENTS))
    document = json.loads(json.dumps(document))
    key = ""
    for place in draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)):
        holder: Any = document
        try:
            for part in place[:-1]:
                holder = holder[part]
            holder[place[-1]]
        except (IndexError, KeyError, TypeError):
            continue  # an earlier pass of this loop has removed the value
        key = str(place[0])
        match draw(st.sampled_from(["replace", "remove", "repeat", "add"])):
            case "replace":
                holder[place[-1]] = draw(VALUES)
            case "remove":
                del holder[place[-1]]
            case "repeat" if isinstance(place[-1], int):
                holder.append(holder[place[-1]])
            case _ if isinstance(holder[place[-1]], dict):
                holder[place[-1]][draw(TEXTS)] = draw(VALUES)
            case _:
                holder[place[-1]] = draw(VALUES)
    return document, key


def as_pulumi_passes(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in document.items()}


def mistakes(environment: str, values: dict[str, Any], secrets: list[str]) -> list[str]:
    """Returns the mistakes that the config loader lists for a stack's config. The list is empty if the config is valid.
    Any other error fails the test.
    """
    try:
        assert isinstance(load(environment, values, secrets), Stack)
    except ConfigError as error:
        lines = str(error).split("\n")
        assert lines and all(LINE.fullmatch(line) for line in lines), lines
        assert not any(re.search(r"Traceback|pydantic|https://errors", line) for line in lines)
        return lines
    return []


@SLOW_AT_FIRST
@given(changed())
def test_a_config_with_any_values_is_loaded_or_its_mistakes_are_listed(change: tuple[dict[str, Any], str]) -> None:
    document, key = change
    lines = mistakes("prod", as_pulumi_passes(document), [])
    mistakes("prod", document, [])
    assert len(lines) == len(set(lines))
    if lines and key:
        assert any(line.startswith(("artifact-edge:", "aws:region", "gcp:project")) for line in lines)


@SLOW_AT_FIRST
@given(st.dictionaries(TEXTS.map(lambda name: f"artifact-edge:{name}"), VALUES | st.just(math.inf), max_size=4))
def test_any_settings_are_refused_in_one_line_each(values: dict[str, Any]) -> None:
    assert "aws:region: missing" in "\n".join(mistakes("prod", as_pulumi_passes(values), []))


@SLOW_AT_FIRST
@given(TEXTS, st.sampled_from(ENVIRONMENTS))
def test_a_stack_with_any_name_is_loaded_or_refused(name: str, environment: str) -> None:
    for line in mistakes(name, stack_config(environment), []):
        assert repr(name) in line


@SLOW_AT_FIRST
@given(st.sampled_from(sorted(stack_config("prod"))), st.text(min_size=8))
def test_a_secret_value_is_never_shown(key: str, value: str) -> None:
    lines = mistakes("prod", stack_config("prod") | {key: value}, [key])
    if key.startswith("artifact-edge:"):
        assert not any(repr(value)[1:-1] in line for line in lines)
