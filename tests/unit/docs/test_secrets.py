"""Tests that docs/contracts.md lists each secret in contract/secrets.py."""

from __future__ import annotations

import re
from typing import get_args

from contract.secrets import SecretName
from tests.unit.docs import CHECKOUT


def test_the_table_of_secrets_is_complete() -> None:
    rows = re.findall(r"(?m)^\| (`artifact-edge/<environment>/[^|]+) \|", (CHECKOUT / "docs/contracts.md").read_text())
    listed = [name for row in rows for name in re.findall(r"`artifact-edge/<environment>/([\w-]+)`", row)]
    assert sorted(listed) == sorted(get_args(SecretName))
