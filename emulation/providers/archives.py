"""Converts and compares the archives and assets that a Pulumi program passes to a provider. An archive maps the name of
each file to the file's text or path.

In messages of the Pulumi engine, an archive or asset is a JSON object with a reserved key, which the Pulumi SDK defines
(`pulumi.runtime.rpc`). Two archives are equal if their hashes are equal.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime import rpc

from emulation.providers.handler import CloudError, Properties

_MARK = rpc._special_sig_key  # pyright: ignore[reportPrivateUsage]  the SDK has no public name for it
_ASSET = rpc._special_asset_sig  # pyright: ignore[reportPrivateUsage]
_ARCHIVE = rpc._special_archive_sig  # pyright: ignore[reportPrivateUsage]
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # The earliest file time that a zip archive can contain.


def on_the_wire(value: Any) -> Any:
    """Converts a property value of a Pulumi program to the form in which the Pulumi engine sends it to providers. Only
    archives and assets change, at any depth.
    """
    if isinstance(value, pulumi.StringAsset):
        return {_MARK: _ASSET, "text": value.text, "hash": hashlib.sha256(value.text.encode()).hexdigest()}
    if isinstance(value, pulumi.AssetArchive):
        assets = {name: on_the_wire(asset) for name, asset in sorted(cast(Any, value).assets.items())}
        together = "".join(f"{name}:{asset['hash']};" for name, asset in assets.items())
        return {_MARK: _ARCHIVE, "assets": assets, "hash": hashlib.sha256(together.encode()).hexdigest()}
    if isinstance(value, (pulumi.Asset, pulumi.Archive)):
        raise TypeError(f"not emulated: {type(value).__name__}")
    if isinstance(value, dict):
        return {key: on_the_wire(item) for key, item in cast(Properties, value).items()}
    if isinstance(value, list):
        return [on_the_wire(item) for item in cast(list[Any], value)]
    return value


def comparable(value: Any) -> Any:
    """Returns a resource property in a form that can be compared. Replaces an archive with its hash, because the Pulumi
    state and the Pulumi program can describe the same archive in different ways.
    """
    if isinstance(value, dict) and cast(Properties, value).get(_MARK) == _ARCHIVE:
        return cast(Properties, value).get("hash")
    return cast(Any, value)


def zipped(archive: Mapping[str, Any]) -> bytes:
    """Returns a Pulumi archive as a zip file. If two archives contain equal files, their zip files have equal bytes.
    Raises CloudError when the archive is of a kind that is not emulated.
    """
    if archive.get(_MARK) != _ARCHIVE or "assets" not in archive:
        raise CloudError("not emulated: code that is not an AssetArchive")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, asset in sorted(cast(Mapping[str, Properties], archive["assets"]).items()):
            file.writestr(zipfile.ZipInfo(name, _EARLIEST), _content(name, asset))
    return buffer.getvalue()


def _content(name: str, asset: Properties) -> bytes:
    if asset.get("text"):
        return asset["text"].encode()
    if asset.get("path"):
        return Path(asset["path"]).read_bytes()
    raise CloudError(f"{name}: not emulated: an asset that is neither text nor a path")
