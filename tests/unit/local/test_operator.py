"""Tests the part of `make up` that prepares a sandbox with the commands that an operator would run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from emulation.layout import Sandbox
from local import operator
from local.checkout import CHECKOUT
from stacks.stack_file import read_stack


@pytest.mark.parametrize("shields", [1, 6])
def test_secrets_are_replicated_to_the_regions_that_the_program_expects(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shields: int
) -> None:
    """Checks that `make up` replicates the secrets of shields (regional caches) and of our own PoPs to the regions that
    the Pulumi program expects. `make up` computes these regions separately, because `local` must not import `stacks`.

    With `shields=1`, only one region has shields. `make up` must then also replicate the shields' secret to the other
    regions that have objects.
    """
    document = yaml.safe_load((CHECKOUT / "stacks/Pulumi.prod.yaml").read_text())
    del document["config"]["artifact-edge:shields"][shields:]
    document["config"]["artifact-edge:pops"] = [
        {"region": "sa-east-1", "machine_type": "i4i.large", "nodes": 1},
        {"cloud": "gcp", "region": "europe-west4", "machine_type": "n2-standard-8", "nodes": 1},
    ]
    (tmp_path / "Pulumi.prod.yaml").write_text(yaml.safe_dump(document))
    commands: list[Sequence[str]] = []

    def run(sandbox: Sandbox, arguments: Sequence[str]) -> None:
        commands.append(arguments)

    monkeypatch.setattr(operator, "_run", run)
    operator.make_keys(Sandbox(directory=tmp_path, loopback="127.0"), "prod", tmp_path)
    (command,) = commands
    regions = {value for option, value in pairwise(command) if option == "--replica"}
    stack, _ = read_stack(tmp_path, "prod")
    assert regions | {stack.home_region} == set(stack.secret_regions)
    of_pops = {value for option, value in pairwise(command) if option == "--pop-replica"}
    assert of_pops | {stack.home_region} == set(stack.pop_secret_regions)
