"""A service's HTTP side on Cloud Run: waitress, at the port that the service is told ("Container runtime contract")."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

import waitress

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def serve(application: Application, threads: int) -> None:
    """Until the process ends. HOST is where to listen, if not at all addresses as Cloud Run wants it."""
    address = {"host": os.environ.get("HOST", "0.0.0.0"), "port": int(os.environ["PORT"])}  # noqa: S104
    cast(Any, waitress).serve(application, threads=threads, ident="", _quiet=True, **address)


def serve_beside(application: Application) -> None:
    """In a thread of its own, which does not keep the process."""
    threading.Thread(target=serve, args=(application, 1), daemon=True).start()
