"""Selects the files that an import of a Python project takes from an index such as PyPI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from packaging.version import InvalidVersion, Version

from registry import RegistryError
from registry.ecosystems.python_names import NotInstallable, parsed
from registry.importing import Found, LeftOut, Refused, Wanted, strongest
from registry.importing.simple_page import ListedFile

# Weak digest algorithms. pip and uv accept them if an index states no stronger digest.
_WEAKER = ("sha224", "md5")


@dataclass
class _Project:
    """The files of a Python project, grouped by version. `others` contains the files that neither pip nor uv would
    install.
    """

    versions: dict[Version, list[ListedFile]] = field(default_factory=dict[Version, list[ListedFile]])
    others: list[tuple[ListedFile, NotInstallable]] = field(default_factory=list[tuple[ListedFile, NotInstallable]])


def files_to_import(
    project: str,
    entries: Iterable[ListedFile | Refused | LeftOut],
    version: str,
    *,
    all_versions: bool = False,
    hashes: frozenset[str] = frozenset(),
) -> Iterator[Found]:
    """Yields the files of a Python project to import. With `all_versions`, yields the files of all versions.

    `project` is the normalized name (PEP 503). A `version` without a local part, such as 1.0, selects exactly this
    version. If the index lacks this version, selects the highest local version, such as 1.0+cpu (PEP 440, "Version
    matching"). An empty `version` selects the highest release that is not yanked. If there is no such release, it
    selects the highest pre-release.

    With `hashes`, yields only files with one of these digests (`sha256:…`). Yields a Refused if no file has one of
    these digests. If a file of the selected versions cannot be imported, yields a LeftOut with the reason. Raises
    RegistryError when the project does not have the version.
    """
    found = _Project()
    for entry in entries:
        if isinstance(entry, ListedFile):
            _sort(found, entry, project)
        else:
            yield entry
    if all_versions and not found.versions and not found.others:
        yield LeftOut(f"pypi:{project}", "the index lists no file of it", "project without files")
    chosen = list(found.versions) if all_versions else [_chosen(project, found.versions, version)]
    for file, error in found.others:
        if all_versions or (version and _is_of(file.filename, project, version)):
            yield LeftOut(f"pypi:{project}", str(error), error.kind)
    matching = 0
    for each in chosen:
        for file in found.versions.get(each, []):
            if not hashes or hashes & {f"{name}:{digest}" for name, digest in file.hashes.items()}:
                matching += 1
                yield _wanted(project, file)
    if hashes and not matching:
        yield Refused(f"pypi:{project}", f"no file of {version} at the index has one of the digests that are pinned")
    elif not all_versions and chosen[0] not in found.versions:
        raise RegistryError(f"has no version {version} of {project} that can be installed")


def _sort(found: _Project, file: ListedFile, project: str) -> None:
    try:
        found.versions.setdefault(parsed(file.filename, project).version, []).append(file)
    except NotInstallable as error:
        found.others.append((file, error))


def _chosen(project: str, versions: Mapping[Version, list[ListedFile]], version: str) -> Version:
    if version:
        return _named(project, versions, version)
    offered = [each for each, files in versions.items() if not all(file.listing.yanked for file in files)]
    releases = [each for each in offered if not each.is_prerelease] or offered
    if not releases:
        raise RegistryError(f"has no release of {project} that can be installed and is not yanked")
    return max(releases)


def _named(project: str, versions: Iterable[Version], text: str) -> Version:
    try:
        version = Version(text)
    except InvalidVersion:
        raise RegistryError(f"{project}: {text!r} is not a version (PEP 440)") from None
    matching = [each for each in versions if Version(each.public) == version]
    return version if version in matching else max(matching, default=version)


def _is_of(filename: str, project: str, version: str) -> bool:
    """Returns whether a filename contains the version, such as `p-1.0-py2.7.egg`. The check may be inexact, because the
    result only decides whether a report lists the file.
    """
    rest = filename[len(project) + 1 :]
    after = rest[len(version) :]
    return rest.startswith(version) and (after[:1] in ("", "-") or (after[0] == "." and not after[1:2].isdigit()))


def _wanted(project: str, file: ListedFile) -> Wanted | Refused:
    title = f"pypi:{project} {file.filename}"
    try:
        digest = strongest(file.hashes, title, _WEAKER)
    except RegistryError as error:
        return Refused(title, str(error))
    return Wanted(
        "pypi", file.url, file.filename, digest, project=project, listing=file.listing, left_out=file.left_out
    )
