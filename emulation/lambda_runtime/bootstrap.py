"""Takes the place of Lambda's Python runtime in the process of a function: `python bootstrap.py DIRECTORY HANDLER`.

Each line on standard input is an event. The first line on standard output reports that the function's code is loaded,
and each later line is the handler's answer to an event. Whatever the handler itself prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import traceback
from types import SimpleNamespace
from typing import Any, TextIO


def main(directory: str, handler: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, directory)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    _write(answers, {"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": function(request["event"], SimpleNamespace(aws_request_id=request["id"]))}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": type(error).__name__}
        _write(answers, answer)


def _write(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
