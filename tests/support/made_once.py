"""Caches data that each boto3 session and each Flask application in a test would otherwise compute again: AWS's API
descriptions, and the functions that werkzeug compiles from routes.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import pytest
from botocore.loaders import Loader
from werkzeug.routing import Rule


class _Directories(list[str]):
    """The search path of a botocore loader, without duplicates. All boto3 sessions share the loader, and each session
    would otherwise append the same directory to the path again.
    """

    def append(self, directory: str) -> None:
        if directory not in self:
            super().append(directory)


@contextmanager
def made_once() -> Generator[None]:
    """Makes all boto3 sessions of the test process share one cache of AWS's API descriptions. Also makes all Flask
    applications of the process share the functions that werkzeug compiles from routes.

    This saves time: otherwise, each session lists thousands of files and parses megabytes of JSON, and each application
    compiles hundreds of functions.
    """

    @cache
    def one_loader(search_path: str | None) -> Loader:
        return Loader(_Directories(search_path.split(os.pathsep) if search_path else []))

    compile_builder = cast(Any, Rule)._compile_builder
    builders: dict[Any, Any] = {}

    def one_builder(rule: Any, append_unknown: bool = True) -> Any:
        # The cache key contains all values on which the compiled function depends. A rule's URL converters are not part
        # of the key, because the function gets the rule as an argument and reads the converters from it.
        key = (tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("botocore.session.create_loader", one_loader)
        patched.setattr(Rule, "_compile_builder", one_builder)
        yield
