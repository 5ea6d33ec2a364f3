"""Normalizes a package.json as npm does when it publishes a package.

Most npm clients understand only the normal form of a field. Old packages have other forms: strings or lists instead of
objects, other spellings, or fields that an earlier installation added. Sources: npm docs, package.json;
@npmcli/package-json, lib/normalize.js and lib/normalize-data.js.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import Any, cast

from registry.ecosystems.package_links import with_links

_DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies", "devDependencies")
_PLATFORM = ("os", "cpu", "libc")
_INSTALL_SCRIPTS = {"preinstall", "install", "postinstall"}
_BIN_IN_SCRIPT = re.compile(r"(\./|\.\\)?node_modules[/\\]\.bin[/\\]")
_NAME_AND_RANGE = re.compile(r"(@?[^@\s<>=]+)\s*@?\s*(.*)", re.DOTALL)
_PERSON = re.compile(r"(?P<name>[^<(]*)(?:<(?P<email>[^<>]+)>)?\s*(?:\((?P<url>[^()]+)\))?.*", re.DOTALL)
# The registry sets these fields of a version itself, and ignores their values in a package.json.
_OF_THE_REGISTRY = ("dist", "hasInstallScript")


def normalized(manifest: Mapping[str, Any], contents: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a version's object in the full packument, but without the fields that name the version and its tarball.

    `contents` is the metadata record about the tarball's files, or empty. Leaves out each value of the package.json
    that no client could use. Raises no error, whatever the package.json contains.
    """
    found = {name: value for name, value in manifest.items() if not name.startswith("_") and value is not None}
    for name in _OF_THE_REGISTRY:
        found.pop(name, None)
    for name, repaired in _FIELDS.items():
        if name in found:
            _replace(found, name, repaired(found[name]))
    for name, value in with_links(found).items():
        _replace(found, name, value)
    _bundle(found)
    for name in found.get("optionalDependencies", {}):
        found.get("dependencies", {}).pop(name, None)
    _replace(found, "bin", _bin(found, contents))
    _build(found, contents)
    if "hasShrinkwrap" in contents:
        found["_hasShrinkwrap"] = bool(contents["hasShrinkwrap"])
    return found


def _replace(found: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        found.pop(name, None)
    else:
        found[name] = value


def _object(value: Any) -> dict[str, Any] | None:
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _strings(value: Any) -> list[str] | None:
    """Returns the strings in a value of package.json as a list, or None if there are none. A single string becomes a
    list.
    """
    values = cast(list[Any], value) if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str) and each] or None


def _ranges(value: Any) -> dict[str, str] | None:
    """Returns a mapping from names to version ranges. `value` is the field `engines` of a package.json, or a field with
    dependencies. It may be an object, a list such as `["node >= 0.8"]`, or a single string.
    """
    if isinstance(value, dict):
        return {name: each for name, each in cast(dict[str, Any], value).items() if isinstance(each, str)}
    items = _strings(value)
    if items is None:
        return {} if value == [] else None
    matches = [_NAME_AND_RANGE.fullmatch(item.strip()) for item in items]
    return {match[1]: match[2].strip() for match in matches if match}


def _dependencies(value: Any) -> dict[str, str] | None:
    """Returns a mapping from the names of dependencies in a package.json to their version ranges.

    A string as `value` lists dependencies such as `a@^1`, separated by commas or whitespace.
    """
    return _ranges([each for each in re.split(r"[\s,]+", value) if each] if isinstance(value, str) else value)


def _scripts(value: Any) -> dict[str, str] | None:
    scripts = _object(value)
    if scripts is None:
        return None
    return {name: _BIN_IN_SCRIPT.sub("", each, count=1) if _BIN_IN_SCRIPT.match(each) else each
            for name, each in scripts.items() if isinstance(each, str)}  # fmt: skip


def _funding(value: Any) -> Any:
    if isinstance(value, str):
        return {"url": value} if value else None
    return cast(Any, value) if isinstance(value, (dict, list)) else None


def _deprecated(value: Any) -> str | None:
    """Returns the deprecation message in a package.json, or None if there is no message. Old packages can have the
    value `false`, which means no message.
    """
    return value if isinstance(value, str) and value else "this version is deprecated" if value is True else None


def _person(value: Any) -> Any:
    """Returns the author or a contributor in a package.json as an object with `name`, `email` and `url`. `value` is an
    object, or a string of the form `Name <email> (url)`.
    """
    match = _PERSON.fullmatch(value) if isinstance(value, str) else None
    given = match.groupdict() if match else _object(value) or {}
    fields = {"name": given.get("name"), "email": given.get("email") or given.get("mail")}
    fields["url"] = given.get("url") or given.get("web")
    return {name: part.strip() for name, part in fields.items() if isinstance(part, str) and part.strip()} or None


def _people(value: Any) -> Any:
    values = cast(list[Any], value) if isinstance(value, list) else [value]
    return [person for person in map(_person, values) if person] or None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _keywords(value: Any) -> list[str] | None:
    return _strings(re.split(r",\s*|\s+", value.strip()) if isinstance(value, str) else value)


_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_DEPENDENCIES, _dependencies),
    **dict.fromkeys(_PLATFORM, _strings),
    **dict.fromkeys(("peerDependenciesMeta", "acceptDependencies", "directories"), _object),
    **dict.fromkeys(("description", "readme"), _string),
    **dict.fromkeys(("contributors", "maintainers"), _people),
    "author": _person,
    "deprecated": _deprecated,
    "engines": _ranges,
    "funding": _funding,
    "keywords": _keywords,
    "scripts": _scripts,
}


def _bundle(found: dict[str, Any]) -> None:
    """Converts `bundleDependencies` of a package.json to a list of names. Converts `true` to the names of all
    dependencies.

    A bundled package may be missing in the dependencies of package.json. The function then adds it to `dependencies`.
    """
    other = found.pop("bundledDependencies", None)
    given = found.pop("bundleDependencies", other)
    dependencies: dict[str, str] = found.get("dependencies", {})
    # The field may be a string, as in `"bundleDependencies": "a"`. npm then bundles nothing, and publishes the package
    # without the field.
    listing = list(dependencies) if given is True else list(given) if _object(given) else given
    names = _strings(listing) if isinstance(listing, list) else None
    if not names:
        return
    listed = {name for kind in _DEPENDENCIES[:3] for name in found.get(kind, {})}
    for name in names:
        if name not in listed:
            found["dependencies"] = dependencies
            dependencies[name] = "*"
    found["bundleDependencies"] = names


def _bin(found: Mapping[str, Any], contents: Mapping[str, Any]) -> dict[str, str] | None:
    """Returns the executables of an npm package as a mapping from command names to paths. Without the field `bin`, the
    executables are the files in the directory that the field `directories.bin` names.

    The function removes `..` from paths, and slashes from command names. No path therefore leads out of the package.
    """
    given = found.get("bin")
    if isinstance(given, str) and given:
        given = {found.get("name"): given}
    elif isinstance(given, list):
        given = {_inside(each).rsplit("/", 1)[-1]: each for each in cast(list[Any], given) if isinstance(each, str)}
    elif given in (None, ""):
        given = {path.rsplit("/", 1)[-1]: path for path in contents.get("binFiles", [])}
    pairs = cast(dict[Any, Any], given).items() if isinstance(given, dict) else ()
    paths = {
        _inside(command).rsplit("/", 1)[-1]: _inside(path)
        for command, path in pairs
        if isinstance(command, str) and isinstance(path, str)
    }
    return {command: path for command, path in paths.items() if command and path} or None


def _inside(path: str) -> str:
    """Returns a path in a package.json as a path below the package's root, with forward slashes and without `..`."""
    parts: list[str] = []
    for part in re.split(r"[/\\:]", path):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _build(found: dict[str, Any], contents: Mapping[str, Any]) -> None:
    """Sets `hasInstallScript`, which tells npm clients that the package has install scripts to run.

    For a package with a *.gyp file and without an install script, adds the script `node-gyp rebuild`, as npm does.
    """
    scripts: dict[str, str] = found.get("scripts", {})
    if contents.get("gyp") and found.get("gypfile") is not False and not scripts.keys() & {"install", "preinstall"}:
        found |= {"scripts": {**scripts, "install": "node-gyp rebuild"}, "gypfile": True}
    if any(found.get("scripts", {}).get(name) for name in _INSTALL_SCRIPTS):
        found["hasInstallScript"] = True


def bin_files(manifest: Mapping[str, Any], paths: Collection[str]) -> list[str]:
    """Returns the files in the directory that `directories.bin` of a package.json names.

    `paths` are the paths of all files below the package's root.
    """
    directories = _object(manifest.get("directories")) or {}
    directory = directories.get("bin")
    if manifest.get("bin") or not isinstance(directory, str) or not _inside(directory):
        return []
    root = PurePosixPath(_inside(directory))
    inside = [path for path in paths if root in PurePosixPath(path).parents]
    return sorted(path for path in inside if not str(PurePosixPath(path).relative_to(root)).startswith("."))
