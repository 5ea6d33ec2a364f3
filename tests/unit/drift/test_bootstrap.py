"""Tests that `python -m drift.repair`, which repairs a Pulumi state, also finds the resources of the bootstrap stack in
the cloud.
"""

from __future__ import annotations

from drift import search
from drift.identifiers import identifier
from tests.support.bootstrap_stack import bootstrap_up
from tests.support.harness import aws_account


def test_each_resource_of_bootstrap_is_found_by_its_inputs() -> None:
    with aws_account():
        resources = [each for each in bootstrap_up().resources if each.type.startswith("aws:")]
        assert len({each.type for each in resources}) > 10
        for each in resources:
            id = identifier(each.type, each.inputs)
            candidates = search.found(each.type, each.inputs) if id is None else [id]
            assert candidates is not None, f"no search knows {each.type}"
            assert each.id in list(candidates), f"{each.type} {each.name}"
