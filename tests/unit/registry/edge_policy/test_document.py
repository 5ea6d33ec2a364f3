"""Tests that the registry refuses an invalid edge policy. An edge policy decides which package versions clients may
get. The error message contains the rule, the wrong value, and the allowed values.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import jsonschema  # pyright: ignore[reportMissingTypeStubs]
import pytest
from packaging.specifiers import SpecifierSet
from typer.testing import CliRunner

from registry import RegistryError
from registry.__main__ import app
from registry.edge_policy.document import MOST_BYTES, parsed, schema

CHECKOUT = Path(__file__).parents[4]
# Valid and invalid edge policies (rules that decide which versions clients may get). The edge worker's tests use the
# same policies. The registry and the edge worker must agree about each policy.
CASES: list[dict[str, Any]] = json.loads((CHECKOUT / "workers/edge/test/policy_documents.json").read_text())
# Each case has a version specifier (PEP 440), a version, and whether the specifier includes the version. The result
# comes from the library `packaging`, which pip uses. The edge worker's tests use the same cases.
SPECIFIERS: list[tuple[str, str, bool]] = json.loads(
    (CHECKOUT / "workers/edge/test/python_specifiers.json").read_text()
)
DENIED = {"name": "no-left-pad", "action": "deny", "ecosystem": "npm", "packages": ["left-pad"]}


def document(*rules: Any) -> str:
    return json.dumps({"format": 1, "rules": rules})


def mistakes(*rules: Any) -> str:
    with pytest.raises(RegistryError) as refused:
        parsed(document(*rules), "policy.json")
    return str(refused.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case["document"])[:80])
def test_a_document_is_accepted_or_its_mistake_is_named(case: dict[str, Any]) -> None:
    text = json.dumps(case["document"])
    if case["mistake"] is None:
        assert parsed(text, "policy.json").text
        return
    with pytest.raises(RegistryError) as refused:
        parsed(text, "policy.json")
    assert str(refused.value).startswith("policy.json: ")
    assert case["mistake"] in str(refused.value)


def test_a_mistake_names_the_rule_the_value_and_the_way_out() -> None:
    assert "rule 'no-left-pad': versions '>>1': is not an npm version range; write one such as" in mistakes(
        {**DENIED, "versions": ">>1"}
    )
    assert "rule number 2: packages: '@Acme/*': matches no package; use small letters" in mistakes(
        DENIED, {"action": "deny", "ecosystem": "npm", "packages": ["@acme/web", "@Acme/*"]}
    )
    assert "rule 'no-left-pad': unless 1: no such field; a rule has name, action" in mistakes({**DENIED, "unless": 1})


def test_a_mistake_in_an_experiment_names_the_variant_and_the_way_out() -> None:
    def mistake(**changes: Any) -> str:
        variants = [{"name": "on", "weight": 1}, {"name": "off", "weight": 1, **changes}]
        experiment = {"name": "hedging", "layer": "shields", "unit": "token", "variants": variants}
        with pytest.raises(RegistryError) as refused:
            parsed(json.dumps({"format": 1, "rules": [], "experiments": [experiment]}), "policy.json")
        return str(refused.value)

    where = "experiment 'hedging': variant 'off': "
    assert f"{where}weight 0: input should be greater than or equal to 1" in mistake(weight=0)
    assert f"{where}hedge 1: no such field; a variant has name, weight, shield_pool" in mistake(hedge=1)
    assert f"{where}shield_pool: 'US': matches no shield node; write a host name" in mistake(shield_pool=["US"])


def test_all_mistakes_are_reported_at_once() -> None:
    text = mistakes({**DENIED, "versions": ">>1"}, {**DENIED, "name": "second", "younger_than_days": 0})
    assert "rule 'no-left-pad': versions" in text
    assert "rule 'second': younger_than_days 0" in text


def test_the_documented_policy_is_valid_and_is_that_of_the_file() -> None:
    file = (CHECKOUT / "docs/edge-policy.example.json").read_text()
    assert f"```json\n{file}```\n" in (CHECKOUT / "docs/edge-policy.md").read_text()
    assert len(parsed(file, "docs/edge-policy.example.json").rules) == 4


def test_the_documented_experiment_is_valid() -> None:
    page = (CHECKOUT / "docs/experiments.md").read_text()
    document = page.split("```json\n")[1].split("```")[0]
    assert [variant.name for variant in parsed(document, "page").experiments[0].variants] == ["on", "off"]


def test_equal_policies_have_equal_texts() -> None:
    spaced = json.dumps({"rules": [{**dict(reversed(DENIED.items())), "reason": ""}], "format": 1}, indent=4)
    assert parsed(spaced, "a").text == parsed(document(DENIED), "b").text
    assert parsed(spaced, "a").digest == parsed(document(DENIED), "b").digest


def test_the_specifiers_of_the_workers_tests_are_what_pips_library_says() -> None:
    assert [
        (specifier, version, SpecifierSet(specifier).contains(version, prereleases=True))
        for specifier, version, _ in SPECIFIERS
    ] == [tuple(case) for case in SPECIFIERS]


def test_a_repeated_field_is_refused() -> None:
    with pytest.raises(RegistryError, match="'format' stands twice in one object"):
        parsed('{"format": 1, "format": 1, "rules": []}', "policy.json")


def test_a_document_that_no_database_item_holds_is_refused() -> None:
    with pytest.raises(RegistryError, match=f"has more than {MOST_BYTES} bytes"):
        parsed(document(DENIED) + " " * MOST_BYTES, "policy.json")


def test_the_schema_accepts_valid_documents_and_marks_unknown_fields() -> None:
    validator = cast(Any, jsonschema).Draft202012Validator(json.loads(schema()))
    for case in CASES:
        if case["mistake"] is None:
            assert list(validator.iter_errors(case["document"])) == []
    assert not validator.is_valid({"format": 1, "rules": [{**DENIED, "unless": 1}]})


def test_the_command_reports_a_valid_and_an_invalid_file(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(document(DENIED))
    result = CliRunner().invoke(app, ["edge", "policy", "check", str(file)])
    assert (result.exit_code, result.stdout) == (0, f"{file}: valid; number of rules: 1\n")
    file.write_text(document({**DENIED, "action": "block"}))
    result = CliRunner().invoke(app, ["edge", "policy", "check", str(file)])
    assert "rule 'no-left-pad': action 'block'" in str(result.exception)


def test_a_rule_that_never_decides_is_reported(tmp_path: Path) -> None:
    everything = {"name": "all", "action": "allow", "packages": ["*"]}
    npm = {"name": "npm", "action": "deny", "ecosystem": "npm", "packages": ["a", "b"]}
    later = {**DENIED, "packages": ["b"], "versions": "<1"}
    conditional = {**npm, "versions": "<1"}

    def pairs(*rules: Any) -> list[tuple[str, str]]:
        found = parsed(document(*rules), "policy.json").unreachable()
        return [(rule.name, earlier.name) for rule, earlier in found]

    assert pairs(everything, DENIED) == [("no-left-pad", "all")]
    assert pairs(npm, later) == [("no-left-pad", "npm")]
    assert pairs(conditional, later) == pairs(npm, DENIED) == pairs({**npm, "ecosystem": "pypi"}, later) == []
    assert pairs(npm, {"name": "age", "action": "deny", "packages": ["*"], "younger_than_days": 7}) == []
    file = tmp_path / "policy.json"
    file.write_text(document(everything, DENIED))
    result = CliRunner().invoke(app, ["edge", "policy", "check", str(file)])
    assert "warning: rule 'no-left-pad' never decides, because rule 'all' before it" in result.stderr
    assert "valid; number of rules: 2" in result.stdout
