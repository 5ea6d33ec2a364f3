"""Takes the place of Lambda's Python runtime: `python bootstrap.py DIRECTORY HANDLER`.

Each line on standard input is an event, and each line on standard output is an answer. The first line on standard
output reports that the code is loaded. The handler's own output goes to standard error.
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
    _say(answers, {"ready": True})
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"result": function(asked["event"], SimpleNamespace(aws_request_id=asked["id"]))}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": type(error).__name__}
        _say(answers, answer)


def _say(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
