"""Tests how the language host runs plugins such as policy packs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi.runtime.proto import language_pb2

from emulation.engine.language_host import LanguageHost

# This plugin behaves like a policy pack: it writes its port, and then runs until somebody ends it. If nobody does, it
# exits after 5 s, so that a failed test does not run forever.
PLUGIN = """
import os, sys, time
sys.stdout.buffer.write(b"41234\\n")
time.sleep(5)
os._exit(0)
"""


class Context:
    """Emulates the context of a gRPC request. gRPC calls `callbacks` at the end of the request."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], object]] = []

    def add_callback(self, callback: Callable[[], object]) -> None:
        self.callbacks.append(callback)


def test_the_engine_gets_the_output_of_a_running_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    (tmp_path / "__main__.py").write_text(PLUGIN)
    info = language_pb2.ProgramInfo(root_directory=str(tmp_path), program_directory=str(tmp_path), entry_point=".")
    context = Context()
    responses = LanguageHost("127.0.0.1:1").RunPlugin(language_pb2.RunPluginRequest(info=info), context)
    try:
        assert next(responses).stdout == b"41234\n"
    finally:
        for callback in context.callbacks:
            callback()
        list(responses)
