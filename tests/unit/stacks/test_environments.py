"""Tests that environments differ only in the values of their config.

All environments use the same Pulumi program. No code of the program depends on the name of an environment. The JSON
schema covers every config value.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import jsonschema  # pyright: ignore[reportMissingTypeStubs]
import pytest
import yaml

from stacks.config import load
from stacks.reference import ENVIRONMENTS
from stacks.schema import EDITOR_LINE, SCHEMA, text
from tests.support.harness import Deployment
from tests.support.stacks import first_up, stack_config

ROOT = Path(__file__).parents[3]
OTHER = "elsewhere"
# Matches values that differ in each deployment: identifiers, certificates, IP addresses and times.
MADE_UP = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+|[0-9a-f]{6,}(-[0-9a-f]{4,}){0,4}|[0-9A-Z]{10,}|[0-9a-zA-Z+/=]{60,}|\d+(\.\d+){3}"
)


def document(environment: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text())


def complaints(stack_file: Mapping[str, Any]) -> list[str]:
    """Returns the errors that an editor shows for a stack's config file. The editor validates the file against the JSON
    schema.
    """
    validator = cast(Any, jsonschema).Draft202012Validator(json.loads(SCHEMA.read_text()))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(stack_file)]


def programs() -> list[Path]:
    return [file for room in ("infra", "stacks") for file in sorted((ROOT / room).rglob("*.py"))]


def test_no_program_names_an_environment_or_compares_its_name() -> None:
    names = {*ENVIRONMENTS, "production", "development", "get_stack"}
    # Only stacks/config/loading.py may read the stack's name. It needs the name because the names of resources contain
    # it.
    allowed = {"get_stack": {"stacks/config/loading.py"}}
    for file in programs():
        place = file.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(file.read_text())):
            named: str | None = None
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = node.value
            elif isinstance(node, ast.Attribute):
                named = node.attr
            assert named not in names or place in allowed.get(named, set()), f"{place} names {named}"
            if isinstance(node, (ast.Compare, ast.match_case, ast.Match)):
                compared = [part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)]
                assert "environment" not in compared, f"{place}:{node} compares the environment"


def shape(deployment: Deployment, environment: str) -> dict[str, Any]:
    """Returns all resources and their inputs by URN, with the stack's name and cloud-generated values replaced by
    placeholders.
    """

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {plain(name): plain(item) for name, item in cast(Mapping[str, Any], value).items()}
        if isinstance(value, list):
            return [plain(item) for item in cast(list[Any], value)]
        if isinstance(value, str):
            renamed = re.sub(rf"\b({environment}|{OTHER})\b", "<stack>", value)
            return MADE_UP.sub("#", renamed)
        return value

    return {
        plain(each.urn): plain({name: each.inputs[name] for name in each.inputs if name not in each.secrets})
        for each in deployment.resources
        if not each.type.startswith("cloudflare:index/mtlsCertificate")
    }


# The test deploys only the environment with the fewest resources, `dev`, and the one with the most, `prod`.
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_an_environments_config_gives_the_same_stack_under_any_name(environment: str) -> None:
    own = shape(first_up(environment), environment)
    other = shape(first_up(environment, stack=OTHER), environment)
    assert own.keys() == other.keys()
    assert len(own) > 40
    for urn, inputs in own.items():
        assert inputs == other[urn], urn


def test_environments_match_their_purpose() -> None:
    configs = {name: load(name, stack_config(name)).config for name in ENVIRONMENTS}
    assert sorted(configs) == ["dev", "local", "prod", "staging"]
    regions = {name: {shield.region for shield in config.shields} for name, config in configs.items()}
    assert (len(regions["dev"]), len(configs["dev"].blobs.regions)) == (1, 1)
    assert (len(regions["staging"]), len(configs["staging"].blobs.regions)) == (2, 2)
    assert len(regions["prod"]) >= 6
    assert {shield.cloud for shield in configs["prod"].shields} == {"aws", "gcp"}
    assert len(configs["prod"].blobs.regions) == len(configs["prod"].metadata.regions) == 3


def test_the_schema_in_the_repository_is_that_of_the_models() -> None:
    assert SCHEMA.read_text() == text(), "run `python -m stacks.reference`"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_stacks_file_names_the_schema_and_meets_it(environment: str) -> None:
    assert (ROOT / "stacks" / f"Pulumi.{environment}.yaml").read_text().splitlines()[0] == EDITOR_LINE
    assert complaints(document(environment)) == []


def put(*path: str | int, value: Any) -> Callable[[Any], None]:
    def change(stack_file: Any) -> None:
        for part in path[:-1]:
            stack_file = stack_file[part]
        stack_file[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "marked"),
    [
        (put("config", "artifact-edge:sheilds", value=[]), "artifact-edge:sheilds"),  # words-ok: misspelt on purpose
        (put("config", "aws:region", value="us-esat-1"), "us-esat-1"),
        (put("config", "gcp:project", value="No"), "No"),
        (put("config", "artifact-edge:domain", value="Example"), "Example"),
        (put("config", "artifact-edge:protect", value="perhaps"), "perhaps"),
        (put("config", "artifact-edge:blobs", "store", value="s4"), "s4"),
        (put("config", "artifact-edge:blobs", "regions", 0, value="us-esat-1"), "us-esat-1"),
        (put("config", "artifact-edge:shields", 0, "nodes", value=0), "0 is less"),
        (put("config", "artifact-edge:shields", 0, "machine_type", value="m6i.large"), "m6i.large"),
        (put("config", "artifact-edge:shields", 0, "disk", value=1), "disk"),
        (put("config", "artifact-edge:edge", "account_id", value="abc"), "abc"),
        (put("config", "artifact-edge:alerts", value={"email": ["nobody"]}), "nobody"),
        (put("confg", value={}), "confg"),  # words-ok: misspelt on purpose
    ],
)
def test_a_mistake_is_marked(change: Callable[[Any], None], marked: str) -> None:
    wrong = copy.deepcopy(document("prod"))
    change(wrong)
    assert any(marked in line for line in complaints(wrong))


def test_a_missing_key_is_marked_and_other_namespaces_are_ignored() -> None:
    wrong = document("prod")
    del wrong["config"]["artifact-edge:shields"]
    wrong["config"]["pulumi:disable-default-providers"] = ["*"]
    assert complaints(wrong) == ["$.config: 'artifact-edge:shields' is a required property"]
