"""Makes it possible to delete the last version of an S3 object if this version is a delete marker. moto 5.2 fails when
it tries to free the content of the deleted version, because a delete marker has no content.
"""

from __future__ import annotations

from typing import Any, cast

from moto.s3.models import FakeDeleteMarker


def dispose(marker: Any, garbage: bool = False) -> None:
    """Replaces the method with which moto frees the content of a deleted S3 delete marker. This replacement does
    nothing, because a delete marker has no content.
    """


def patch_delete_markers() -> None:
    """Makes moto accept the deletion of S3 delete markers."""
    cast(Any, FakeDeleteMarker).dispose = dispose
