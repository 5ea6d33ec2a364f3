"""Packs the functions' code: the same sources always make the same archive."""

from __future__ import annotations

from pathlib import Path

import pulumi


def pack(root: Path, package: str) -> pulumi.AssetArchive:
    """The Python package at `package` (such as `workers/entitlements`) beneath `root`, under that same path.

    The sources are taken in as text: an archive of paths would bring this machine's directories into the state.
    """
    sources = sorted((root / package).glob("*.py"))
    if not sources:
        raise pulumi.RunError(f"{package}: has no Python sources")
    return pulumi.AssetArchive(
        {f"{package}/{source.name}": pulumi.StringAsset(source.read_text()) for source in sources}
    )
