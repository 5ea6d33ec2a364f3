"""The worker's bundle, and what is said when it cannot be made."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi
import pytest

from infra.edge.bundle import BundleError, compile_worker
from infra.edge.secrets import EdgeSecretError, read_edge_secrets
from local.providers.aws import functions
from local.providers.aws.clients import client
from tests.unit.harness import deploy

WORKER = Path(__file__).parents[2] / "workers" / "edge"


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A worker of one's own, with the compiler of the real one."""
    directory = tmp_path / "workers" / "edge"
    (directory / "src").mkdir(parents=True)
    (directory / "node_modules").symlink_to(WORKER / "node_modules")
    return directory


def test_the_worker_compiles_to_one_module_and_always_to_the_same() -> None:
    bundle = compile_worker(WORKER)
    assert bundle == compile_worker(WORKER)
    assert "export {" in bundle
    assert "\nimport " not in bundle


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("const a: number = 1;\nconst b = ;\n", 'workers/edge/src/index.ts:2:10: Unexpected ";"'),
        (
            'import { x } from "./absent";\nexport default x;\n',
            'workers/edge/src/index.ts:1:18: Could not resolve "./absent"',
        ),
    ],
)
def test_a_worker_that_does_not_compile_is_one_line_with_the_place(sources: Path, source: str, line: str) -> None:
    (sources / "src" / "index.ts").write_text(source)
    with pytest.raises(BundleError) as raised:
        compile_worker(sources)
    assert str(raised.value) == line


def test_missing_node_modules_are_named_with_the_command_that_mends_it(tmp_path: Path) -> None:
    with pytest.raises(BundleError) as raised:
        compile_worker(tmp_path / "workers" / "edge")
    assert str(raised.value) == (
        "workers/edge: node modules are missing; run `make up` or `npm ci --prefix workers/edge`"
    )


@pytest.mark.usefixtures("aws_cloud")
def test_an_edge_secret_without_a_field_names_it_and_the_way_out() -> None:
    client("secretsmanager").create_secret(
        Name="artifact-edge/test/edge", SecretString=json.dumps({"client_certificate": "x"})
    )

    def program() -> None:
        pulumi.export("key", read_edge_secrets("artifact-edge/test/edge", "us-east-1").client_key)

    with pytest.raises(EdgeSecretError) as raised:
        deploy(program, [], functions())
    assert str(raised.value) == (
        "secret artifact-edge/test/edge has no field 'client_key'; write it with `python -m registry keys init`"
    )
