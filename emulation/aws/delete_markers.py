"""Delete markers that are the last version of an object: moto 5.2 cannot forget them, as it frees the bytes of each."""

from __future__ import annotations

from typing import Any, cast

from moto.s3.models import FakeDeleteMarker


def dispose(marker: Any, garbage: bool = False) -> None:
    """A marker has no bytes to free."""


def patch_delete_markers() -> None:
    """Makes moto forget them from now on."""
    cast(Any, FakeDeleteMarker).dispose = dispose
