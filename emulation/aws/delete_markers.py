"""Deletes a delete marker that is the only version left of an object. moto 5.2 fails, because it frees each version's
bytes."""

from __future__ import annotations

from typing import Any, cast

from moto.s3.models import FakeDeleteMarker


def dispose(marker: Any, garbage: bool = False) -> None:
    """Does nothing, because a delete marker has no bytes to free."""


def patch_delete_markers() -> None:
    """Makes moto accept the deletion of delete markers."""
    cast(Any, FakeDeleteMarker).dispose = dispose
