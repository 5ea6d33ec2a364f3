"""Makes it possible to delete the last version of an S3 object if this version is a delete marker. moto 5.2 fails when
it tries to free the content of the deleted version, because a delete marker has no content.
"""

from __future__ import annotations

from typing import Any, cast

from moto.s3.models import FakeDeleteMarker


def dispose(marker: Any, garbage: bool = False) -> None:
    """Implements the method that moto calls to free the content of a deleted object version. moto's class of delete
    markers lacks this method. The method does nothing, because a delete marker has no content.
    """


def patch_delete_markers() -> None:
    """Makes moto accept the deletion of S3 delete markers."""
    cast(Any, FakeDeleteMarker).dispose = dispose
