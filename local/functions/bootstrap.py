"""What stands in for Lambda's Python runtime: `python bootstrap.py DIRECTORY HANDLER`, with an event a line on standard
input and an answer a line on standard output. What the handler itself prints goes to standard error."""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
import traceback
from types import SimpleNamespace


def main(directory: str, handler: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path[0] = directory  # and not where this file is
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    module, _, name = handler.rpartition(".")
    function = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"result": function(asked["event"], SimpleNamespace(aws_request_id=asked["id"]))}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": type(error).__name__}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
