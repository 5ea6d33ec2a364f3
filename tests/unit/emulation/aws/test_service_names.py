"""Tests the patched moto, which finds the AWS service of each request. The original moto lists the directory of its
modules for each request. The patched moto must not do this.
"""

from __future__ import annotations

import os
from typing import Any, cast

import moto.backends as moto_backends
import pytest
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]  documented, yet not exported by name
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)

from emulation.aws.service_names import patch_service_names


def test_a_request_finds_its_service_without_a_list_of_a_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    names = set(moto_backends.list_of_moto_modules())
    # pytest's monkeypatch restores moto's own function after the test.
    monkeypatch.setattr(moto_backends, "list_of_moto_modules", moto_backends.list_of_moto_modules)
    patch_service_names()
    listed: list[Any] = []
    monkeypatch.setattr(os, "listdir", listed.append)
    moto = cast(Any, DomainDispatcherApplication)(create_backend_app)
    assert moto.get_backend_for_host("dynamodb") == "dynamodb"
    assert moto.get_backend_for_host("s3.us-east-1.amazonaws.com") == "s3"
    assert listed == []
    assert names == set(moto_backends.list_of_moto_modules())
