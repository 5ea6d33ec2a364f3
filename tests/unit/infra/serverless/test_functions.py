"""Tests the archive of a function. The archive must contain exactly the modules that the function's handler imports.
Two builds must give the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pulumi
import pytest

from emulation.providers import archives
from infra.serverless.package import Code, pack

ROOT = Path(__file__).parents[4]


def on_the_wire(code: Code) -> Any:
    return archives.on_the_wire(code.archive)


def names(code: Code) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(archives.zipped(on_the_wire(code)))) as file:
        return file.namelist()


def sources(directory: Path, **texts: str) -> Path:
    for name, text in texts.items():
        file = directory / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return directory


def test_the_same_sources_give_the_same_bytes() -> None:
    first, second = (on_the_wire(pack(ROOT, "workers.entitlements.consumer")) for _ in range(2))
    assert archives.zipped(first) == archives.zipped(second)
    assert first["hash"] == second["hash"]
    with zipfile.ZipFile(io.BytesIO(archives.zipped(first))) as file:
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        for name in file.namelist():
            assert file.read(name) == (ROOT / name).read_bytes()
    assert str(ROOT) not in json.dumps(first)


def test_each_function_contains_only_its_imports() -> None:
    assert names(pack(ROOT, "workers.entitlements.api")) == [
        "contract/__init__.py",
        "contract/edge_policies.py",
        "contract/revocations.py",
        "contract/tokens.py",
        "workers/cloud.py",
        "workers/entitlements/__init__.py",
        "workers/entitlements/api.py",
        "workers/entitlements/endpoint.py",
        "workers/entitlements/feed.py",
        "workers/entitlements/lookup.py",
        "workers/entitlements/policies.py",
        "workers/entitlements/protocol.py",
        "workers/entitlements/revocations.py",
    ]


def test_a_function_takes_only_the_cloudflare_client_from_the_registry() -> None:
    packed = names(pack(ROOT, "workers.entitlements.consumer"))
    assert [name for name in packed if name.startswith("registry/")] == [
        "registry/__init__.py",
        "registry/cloudflare/__init__.py",
        "registry/cloudflare/api.py",
        "registry/cloudflare/token_entries.py",
    ]


def test_imports_anywhere_in_a_module_are_followed(tmp_path: Path) -> None:
    root = sources(
        tmp_path,
        app__main="from app import near\ndef f():\n    import app.late\n    from lib.deep import thing\n",
        app__near="from .beside import x\nimport json, boto3\n",
        app__late="",
        app__beside="x = 1\n",
        app__unused="import cryptography\n",
        lib__deep="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib import types\nthing = 1\n",
        lib__types="",
    )
    assert names(pack(root, "app.main")) == ["app/beside.py", "app/main.py", "app/near.py", "lib/deep.py"]


def test_an_import_that_lambda_lacks_is_an_error(tmp_path: Path) -> None:
    root = sources(tmp_path, app__main="from app import more\n", app__more="import pydantic\n")
    with pytest.raises(pulumi.RunError, match=r"app\.more: imports pydantic, which a function does not have"):
        pack(root, "app.main")


def test_only_the_used_part_of_a_distribution_is_packed(tmp_path: Path) -> None:
    root = sources(tmp_path, app__main="from packaging.utils import canonicalize_name\n")
    packed = names(pack(root, "app.main", ["packaging"]))
    assert {"app/main.py", "packaging/__init__.py", "packaging/utils.py", "packaging/version.py"} <= set(packed)
    assert "packaging/metadata.py" not in packed


def test_a_missing_module_is_an_error() -> None:
    with pytest.raises(pulumi.RunError, match=r"workers\.nothing: there is no such module"):
        pack(ROOT, "workers.nothing")
