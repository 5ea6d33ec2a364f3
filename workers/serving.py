"""The HTTP server of a Cloud Run service: waitress, on the port in the variable PORT.

Source: Cloud Run, "Container runtime contract".
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

import waitress

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def serve(application: Application, threads: int) -> None:
    """Serves a WSGI application until the process ends. The environment variable HOST is the address to listen on; by
    default the server listens on all addresses, as Cloud Run requires.
    """
    address = {"host": os.environ.get("HOST", "0.0.0.0"), "port": int(os.environ["PORT"])}  # noqa: S104
    cast(Any, waitress).serve(application, threads=threads, ident="", _quiet=True, **address)


def serve_beside(application: Application) -> None:
    """Serves a WSGI application in a background thread. The thread does not keep the process alive."""
    threading.Thread(target=serve, args=(application, 1), daemon=True).start()
