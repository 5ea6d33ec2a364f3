"""Selects the files of a Python project that clients are most likely to install. Also selects the projects that these
files require.

Sources: pip's finder and uv's resolver (the highest stable version, wheels before sdists); PEP 425 (tags of wheels);
PEP 508 (requirements).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from contract.predictions import FILE_BYTES, Release
from registry.ecosystems.python_names import is_wheel

# The maximum number of wheels for Linux in the list from which the edge learns which files of a project clients request
# next. The list has a limited length (contract/predictions.py), and each filename takes about 70 characters of it.
_PLATFORM_WHEELS = 8
# The environment in which the markers of Python requirements are evaluated. It is the most common environment on
# servers.
_ENVIRONMENT: Mapping[str, str] = {
    "platform_release": "",
    "platform_version": "",
    "implementation_version": "3.12.0",
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "python_version": "3.12",
    "python_full_version": "3.12.0",
    "extra": "",
}


def requirements(texts: Sequence[str]) -> list[str]:
    """Returns the sorted names of the projects that a client on Linux must install to meet the requirements in `texts`.
    Each text is a value of the field Requires-Dist.

    Leaves out invalid requirements, requirements of extras, and requirements with a URL.
    """
    return sorted({name for text in texts for name in _required(text)})


def _required(text: str) -> Iterator[str]:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return
    if requirement.url is None and (requirement.marker is None or requirement.marker.evaluate(_ENVIRONMENT)):
        yield canonicalize_name(requirement.name)


def releases(files: Mapping[str, Mapping[str, Any]], required: Mapping[str, Sequence[str]]) -> Sequence[Release]:
    """Returns the files that most clients need to install the highest stable version of a Python project. If the
    version has a wheel for all platforms, returns this wheel. Otherwise, returns wheels for Linux on x86-64 and ARM, or
    else an sdist.

    `files` maps the names of the files that are not yanked to their metadata records. `required` maps the name of each
    file to the names of the projects that the file requires.
    """
    versions = {name: Version(fact["version"]) for name, fact in files.items()}
    stable = {name: version for name, version in versions.items() if not version.is_prerelease} or versions
    newest = sorted(name for name, version in stable.items() if version == max(stable.values()))
    wheels = [name for name in newest if is_wheel(name)]
    universal = [name for name in wheels if name.endswith("-none-any.whl") and "-py2-" not in name]
    linux = sorted((name for name in wheels if "linux" in name and "musl" not in name), key=_python, reverse=True)
    chosen = universal[:1] or linux[:_PLATFORM_WHEELS] or [name for name in newest if not is_wheel(name)][:1]
    return [
        Release(
            name,
            dict.fromkeys(required.get(name, ()), "") if name == chosen[0] else {},
            int(files[name]["size"]) <= FILE_BYTES,
        )
        for name in chosen
    ]


def _python(wheel: str) -> tuple[int, bool]:
    """Returns the key by which wheels for Linux are sorted: the minor version of CPython, and whether the wheel is for
    x86-64.
    """
    tag = wheel.split("-")[-3]
    return int(tag[3:]) if tag.startswith("cp3") and tag[3:].isdecimal() else 0, "x86_64" in wheel
