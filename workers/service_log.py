"""Writes log lines of a service in the format that Cloud Logging reads: one JSON object per line, with a severity.

Source: Cloud Run, "Writing structured logs".
"""

from __future__ import annotations

import json
import logging
import sys


class _Structured(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"severity": record.levelname, "message": record.getMessage(), "logger": record.name}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def structured() -> None:
    """Configures logging so that the process writes all messages of level INFO or above as JSON lines for Cloud
    Logging.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Structured())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("waitress").setLevel(logging.ERROR)
