"""Tests that the registry accepts every wheel and sdist that pip and uv can install, even from old tools."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from registry import RegistryError
from registry.catalog.artifact import Artifact, Known
from registry.ecosystems import pypi
from registry.ecosystems.simple import PypiProject
from tests.support.python_files import archive, metadata, sdist, wheel

WHEEL = "p-1.0-py3-none-any.whl"
LATIN = metadata("Author: Jos\N{LATIN SMALL LETTER E WITH ACUTE}").encode("latin-1")


def recorded(artifact: Artifact) -> Mapping[str, Any]:
    """Returns the metadata record of a Python project's only file."""
    project, _ = artifact.changes
    (fact,) = [fact for fact in project.facts if fact.name.startswith("file#")]
    texts = [fact.content["text"] for fact in project.facts if fact.name.startswith("requires-python#")]
    return {**fact.content, "project": project.package.partition, "text": "".join(texts)}


@pytest.mark.parametrize(
    "says",
    [
        metadata(of="1.0"),
        metadata("Requires: q (>=1)", "Provides: p", of="1.1"),
        metadata("Requires-Dist: q (>=1.0.*)", "Requires-External: libc", of="1.2"),
        metadata("Provides-Extra: Some_Extra", "Requires-Dist: q; extra == 'Some_Extra'", of="2.0"),
        metadata("License-File: LICENSE", of="2.1"),
        metadata("Dynamic: License-File", "License-File: LICENSE", of="2.2"),
        metadata("Provides-Extra: not!an extra", of="2.3"),
        metadata("License-Expression: MIT", "License-File: LICENSES/MIT", of="2.4"),
        metadata("Import-Name: p", of="2.5"),
        metadata(of="9.0"),
        metadata(of=""),
        metadata("Requires-Dist: q>=1.0.*, <", "Requires-Dist: what is this"),
        metadata("Description-Content-Type: text/nonsense", "Home-page: UNKNOWN", "Summary: a", "Summary: b"),
        metadata("Keywords: a", "Unheard-Of: b", "", "A description", "Name: other"),
        metadata("Classifier: Nothing :: Known", "Project-URL: no comma", "Author-email: nobody"),
        LATIN,
        metadata().replace("\n", "\r\n"),
    ],
)
def test_metadata_of_every_version_is_accepted_unchanged(tmp_path: Path, says: str | bytes) -> None:
    artifact = pypi.read(wheel(tmp_path / WHEEL, says))
    (served,) = [blob for blob in artifact.blobs if blob.key == f"pypi/files/p/{WHEEL}.metadata"]
    assert served.source == (says if isinstance(says, bytes) else says.encode())
    assert (recorded(artifact)["project"], recorded(artifact)["version"]) == ("pypi#p", "1.0")


@pytest.mark.parametrize(
    ("requires_python", "in_html"),
    [
        (">=3.8,<4", "&gt;=3.8,&lt;4"),
        (">=2.7, !=3.0.*", "&gt;=2.7, !=3.0.*"),
        (">=3.6.*", "&gt;=3.6.*"),
        (">3.*\n  , <4", "&gt;3.* , &lt;4"),
        ('3"5', "3&quot;5"),
    ],
)
def test_requires_python_reaches_readers_as_text(tmp_path: Path, requires_python: str, in_html: str) -> None:
    artifact = pypi.read(wheel(tmp_path / WHEEL, metadata(f"Requires-Python: {requires_python}")))
    project, _ = artifact.changes
    facts = {fact.name: fact.content for fact in project.facts}
    known = Known(facts, dict.fromkeys(facts, "2026-01-01T00:00:00.000000Z"))
    page, _ = PypiProject("p").documents(known, [], "https://packages.test", lambda key: b"")
    assert f'data-requires-python="{in_html}"' in (page.body or b"").decode()


def test_requires_python_unknown_counts_as_missing(tmp_path: Path) -> None:
    assert recorded(pypi.read(wheel(tmp_path / WHEEL, metadata("Requires-Python: UNKNOWN"))))["requires_python"] == ""


@pytest.mark.parametrize(
    ("filename", "directory", "says"),
    [
        ("P-1.0-py3-none-any.whl", "p-1.0.dist-info", metadata(name="p")),
        ("p-1.0-py3-none-any.whl", "P-1.0.dist-info", metadata(name="P")),
        ("zope.p-1.0-py3-none-any.whl", "zope.p-1.0.dist-info", metadata(name="zope.p")),
        ("zope_p-1.0-py3-none-any.whl", "zope.p-1.0.dist-info", metadata(name="zope-p")),
        ("zope__p-1.0-py3-none-any.whl", "zope_p-1.0.dist-info", metadata(name="zope--p")),
        ("p-1.0-1-py3-none-any.whl", "p-1.0.dist-info", metadata()),
        ("p-1.0-20240101git-py3-none-any.whl", "p-1.0.dist-info", metadata()),
        ("p-1.0-py2.py3-none-any.whl", "p-1.0.dist-info", metadata()),
        ("p-1.0-cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "p-1.0.dist-info", metadata()),
        ("p-1.0_1-py3-none-any.whl", "p-1.0_1.dist-info", metadata(version="1.0-1")),
        ("p-1.0+cu118-py3-none-any.whl", "p-1.0+cu118.dist-info", metadata(version="1.0+cu118")),
        ("p-1!2.0-py3-none-any.whl", "p-1!2.0.dist-info", metadata(version="1!2.0")),
        ("p-1.0.0-py3-none-any.whl", "p-1.0.dist-info", metadata(version="1.0")),
    ],
)
def test_wheel_names_are_parsed_as_installers_parse_them(
    tmp_path: Path, filename: str, directory: str, says: str
) -> None:
    artifact = pypi.read(wheel(tmp_path / filename, says, directory=directory))
    project = "zope-p" if filename.startswith("zope") else "p"
    assert artifact.blobs[0].key == f"pypi/files/{project}/{filename}"


def test_a_wheel_may_contain_other_distributions(tmp_path: Path) -> None:
    vendored = {f"p/_vendor/{name}.dist-info/METADATA": metadata(name=name) for name in ("packaging-24.1", "q-1.0")}
    artifact = pypi.read(wheel(tmp_path / WHEEL, more={"p/__init__.py": "", "top_level.dist-info": "", **vendored}))
    assert recorded(artifact)["project"] == "pypi#p"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"more": {"q-1.0.dist-info/METADATA": ""}}, r"2 \.dist-info directories at its root: p-1\.0.*, q-1\.0"),
        ({"directory": "p/p-1.0.dist-info"}, r"0 \.dist-info directories"),
        ({"directory": "q-1.0.dist-info"}, r"q-1\.0\.dist-info does not have the name of p"),
        ({"wheel": "Wheel-Version: 2.0\n"}, r"is a wheel of the format '2\.0'"),
        ({"wheel": "Tag: py3-none-any\n"}, r"is a wheel of the format 'unknown'"),
        ({"says": "Metadata-Version: 2.1\nVersion: 1.0\n"}, r"says no name 1\.0"),
        ({"says": "Metadata-Version: 2.1\nName: p\n"}, "says p no version"),
        ({"says": metadata(version="latest")}, "says p latest, which does not follow PEP 440"),
        ({"says": metadata(version="1.0+local")}, r"is named p 1\.0, but its metadata says p 1\.0\+local"),
        ({"more": {"../evil": ""}}, "reaches outside"),
    ],
)
def test_a_wheel_that_no_installer_accepts_is_refused_by_name(tmp_path: Path, changes: Any, says: str) -> None:
    with pytest.raises(RegistryError, match=says) as refused:
        pypi.read(wheel(tmp_path / WHEEL, **changes))
    assert WHEEL in str(refused.value)


@pytest.mark.parametrize(
    ("filename", "version"),
    [
        ("p-1.0.tar.gz", "1.0"),
        ("p-1.0.zip", "1.0"),
        ("p-1.0.tar.bz2", "1.0"),
        ("p-1.0.tar.xz", "1.0"),
        ("p-1.0.tar", "1.0"),
        ("P-1.0.tgz", "1.0"),
        ("p-1.0.ZIP", "1.0"),
        ("p-1.0-1.tar.gz", "1.0.post1"),
        ("p-v1.0.tar.gz", "1.0"),
        ("p-1.0dev.tar.gz", "1.0.dev0"),
        ("p-1.0-beta-2.tar.gz", "1.0b2"),
        ("p-1.0-beta2.tar.gz", "1.0b2"),
        ("p-1.0-rc1.zip", "1.0rc1"),
        ("p-1!1.0.tar.gz", "1!1.0"),
    ],
)
def test_sdists_are_accepted_in_every_archive_format_and_with_legacy_names(
    tmp_path: Path, filename: str, version: str
) -> None:
    file = sdist(tmp_path / filename, metadata("Requires-Python: >=2.7", version=version, of="1.0"))
    found = recorded(pypi.read(file))
    assert (found["project"], found["version"], found["requires_python"]) == ("pypi#p", version, ">=2.7")
    assert found["metadata_sha256"] == ""


@pytest.mark.parametrize(
    "filename",
    ["backports.p-q-1.0.tar.gz", "backports-p_q-1.0.zip", "Backports_P-Q-1.0.tar.gz", "backports.p.q-1.0.tar"],
)
def test_sdists_are_named_for_their_project_in_any_spelling(tmp_path: Path, filename: str) -> None:
    assert recorded(pypi.read(sdist(tmp_path / filename), "backports-p-q"))["version"] == "1.0"
    info = metadata(name="backports.p-q")
    assert recorded(pypi.read(sdist(tmp_path / filename, info)))["project"] == "pypi#backports-p-q"


@pytest.mark.parametrize(
    ("info", "more"),
    [
        (None, {}),
        (None, {"build": "pyproject.toml"}),
        (None, {"root": ""}),
        (metadata(), {"root": "./p-1.0/"}),
        (metadata(), {"root": ""}),
        ("Name: UNKNOWN\nVersion: 1.0\n", {}),
        (LATIN, {}),
        (metadata(version="1.0-final-frozen"), {}),
    ],
)
def test_old_sdists_with_little_metadata_are_accepted(tmp_path: Path, info: str | bytes | None, more: Any) -> None:
    assert recorded(pypi.read(sdist(tmp_path / "p-1.0.tar.gz", info, **more)))["version"] == "1.0"


@pytest.mark.parametrize(
    ("filename", "says"),
    [
        ("p-1.0-py2.7.egg", "is an egg"),
        ("p-1.0.win32-py2.7.exe", "is a Windows installer"),
        ("p-1.0.win-amd64.msi", "is a Windows installer"),
        ("p-1.0-1.noarch.rpm", "is a package of an operating system"),
        ("p-1.0.tar.gz.asc", "is a signature"),
        ("p-1.0.tar.Z", "is packed with compress"),
        ("p-1.0.tar.lz", "is packed with lzip"),
        ("p-2004d.zip", "the version '2004d' in its name does not follow PEP 440"),
        ("p-1.0-final-frozen.tar.gz", "the version 'frozen' in its name does not follow PEP 440"),
        ("p.tar.gz", r"the name of an sdist is name-version\.tar\.gz"),
        ("p 1.0.zip", "has characters that names of distributions do not have"),
        ("README.md", r"is neither a wheel \(\.whl\) nor an sdist"),
    ],
)
def test_a_file_that_no_installer_accepts_is_refused_by_name(tmp_path: Path, filename: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says) as refused:
        pypi.read(sdist(tmp_path / filename))
    assert filename in str(refused.value)


def test_a_file_of_another_project_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="of the project q is"):
        pypi.read(sdist(tmp_path / "p-1.0.tar.gz", metadata()), "q")
    with pytest.raises(RegistryError, match=r"is named p 1\.0, but its metadata says q 1\.0"):
        pypi.read(sdist(tmp_path / "p-1.0.tar.gz", metadata(name="q")))


def test_an_archive_that_is_no_sdist_is_refused_by_name(tmp_path: Path) -> None:
    whole = sdist(tmp_path / "p-1.0.tar.gz", metadata()).read_bytes()
    broken = {
        archive(tmp_path / "p-1.1.zip", {"photos/a.jpg": ""}): "has no PKG-INFO, setup.py or pyproject.toml",
        archive(tmp_path / "p-1.2.zip", {"p-1.2/../../setup.py": ""}): "reaches outside",
        tmp_path / "p-1.3.tar.gz": "is not an sdist",
        tmp_path / "p-1.4.tar.bz2": "is not an sdist",
    }
    (tmp_path / "p-1.3.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "p-1.4.tar.bz2").write_bytes(whole)
    for file, says in broken.items():
        with pytest.raises(RegistryError, match=says) as refused:
            pypi.read(file)
        assert file.name in str(refused.value)


def test_uploads_can_be_checked_by_current_rules(tmp_path: Path) -> None:
    taken = [
        wheel(tmp_path / WHEEL, metadata("License-File: LICENSE", of="2.4")),
        sdist(tmp_path / "p-1.0.tar.gz", metadata()),
    ]
    for file in taken:
        assert recorded(pypi.read(file, strict=True))["version"] == "1.0"
    refused = {
        wheel(tmp_path / "p-1.0-py2-none-any.whl", metadata("License-File: LICENSE")): "license-file introduced in",
        wheel(tmp_path / "p-1.0-py4-none-any.whl", metadata(of="2.0")): "metadata version",
        sdist(tmp_path / "p-1.0.tar.bz2", metadata()): "tar.gz",
        sdist(tmp_path / "p-1.1.tar.gz"): "metadata is not valid",
    }
    for file, says in refused.items():
        with pytest.raises(RegistryError, match=r"strict rules for new uploads") as error:
            pypi.read(file, strict=True)
        assert says in str(error.value).lower()


@pytest.mark.parametrize(
    ("fields", "license"),
    [
        (["License-Expression: MIT OR Apache-2.0", "License: other"], "MIT OR Apache-2.0"),
        (["License: BSD", "Classifier: License :: OSI Approved :: MIT License"], "MIT License"),
        (
            [
                "Classifier: License :: OSI Approved",
                "Classifier: License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
                "Classifier: License :: OSI Approved :: MIT License",
            ],
            "Mozilla Public License 2.0 AND MIT License",
        ),
        (["License: Apache 2.0"], "Apache 2.0"),
        (["License: UNKNOWN"], ""),
        (["License: " + "a text " * 50], ""),
        ([], ""),
    ],
)
def test_the_page_names_the_licence_for_the_edge_policy(tmp_path: Path, fields: list[str], license: str) -> None:
    project, _ = pypi.read(wheel(tmp_path / WHEEL, metadata(*fields))).changes
    known = Known({fact.name: fact.content for fact in project.facts}, {f"file#{WHEEL}": "2026-01-01T00:00:00Z"})
    documents = project.package.documents(known, (), "https://packages.test", lambda _: b"")
    (page,) = [json.loads(document.body or b"") for document in documents if document.key.endswith(".json")]
    assert page["files"][0].get("_license", "") == license
