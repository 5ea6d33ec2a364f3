"""Keeps botocore's descriptions of AWS services, which each boto3 session would otherwise look for and load again."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

import pytest
from botocore.loaders import Loader


class _Directories(list[str]):
    """A list of directories without duplicates. Each boto3 session appends the same directory again."""

    def append(self, directory: str) -> None:
        if directory not in self:
            super().append(directory)


@contextmanager
def made_once() -> Generator[None]:
    """Makes all boto3 sessions of the test process share one cache of AWS's API descriptions.

    Without a shared cache, each session lists thousands of files and parses megabytes of JSON.
    """

    @cache
    def one_loader(search_path: str | None) -> Loader:
        return Loader(_Directories(search_path.split(os.pathsep) if search_path else []))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("botocore.session.create_loader", one_loader)
        yield
