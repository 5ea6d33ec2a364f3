"""Tests the version objects in the full and in the abbreviated packument of a package. npm clients read these objects.
The tests use package.json files from tarballs of old and new versions of npm.
"""

from __future__ import annotations

import gzip
import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from registry import RegistryError
from registry.catalog.artifact import Artifact, Known
from registry.ecosystems import npm
from registry.ecosystems.packument import NpmPackage
from tests.support.packages import tarball

URL = "https://packages.test"
WRITTEN = "2026-01-01T00:00:00.000000Z"


def packed(directory: Path, package: dict[str, Any], **files: str) -> Path:
    """Writes a tarball in the same form as `npm pack`. Returns the path of the tarball."""
    return tarball(directory / "p.tgz", {"name": "p", "version": "1.0.0", **package}, files=files)


def read_back(artifact: Artifact) -> list[dict[str, Any]]:
    """Returns the full packument and the abbreviated packument of the npm package to which the artifact belongs."""
    (change,) = artifact.changes
    facts = {fact.name: json.loads(json.dumps(fact.content)) for fact in change.facts}
    known = Known(facts, dict.fromkeys(facts, WRITTEN))
    return [json.loads(each.body or b"") for each in change.package.documents(known, (), URL, lambda _: b"")]


def served(directory: Path, package: dict[str, Any], **files: str) -> list[dict[str, Any]]:
    """Makes a tarball of an npm package with version 1.0.0. Returns the object of this version in the full packument,
    and the same object in the abbreviated packument.
    """
    return [each["versions"]["1.0.0"] for each in read_back(npm.read(packed(directory, package, **files)))]


INSTALL: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # In a packument, bundled dependencies are always a list under `bundleDependencies`. package.json allows other
    # forms, too.
    ({"bundledDependencies": ["a"], "dependencies": {"a": "1"}}, {"bundleDependencies": ["a"]}),
    ({"bundleDependencies": ["a"], "bundledDependencies": ["b"], "dependencies": {"a": "1"}},
     {"bundleDependencies": ["a"]}),
    ({"bundleDependencies": True, "dependencies": {"a": "1", "b": "2"}}, {"bundleDependencies": ["a", "b"]}),
    ({"bundledDependencies": {"a": "1"}, "dependencies": {"a": "1"}}, {"bundleDependencies": ["a"]}),
    ({"bundledDependencies": False}, {"bundleDependencies": None}),
    # If `bundleDependencies` is a string, npm bundles nothing. The packument must therefore keep the dependency `a`, so
    # that clients install it.
    ({"bundleDependencies": "a", "dependencies": {"a": "1"}},
     {"bundleDependencies": None, "dependencies": {"a": "1"}}),
    ({"bundledDependencies": ["a"]}, {"bundleDependencies": ["a"], "dependencies": {"a": "*"}}),
    ({"bundledDependencies": ["a"], "optionalDependencies": {"a": "1"}}, {"dependencies": None}),
    # In a packument, dependencies of all kinds are objects that map a name to a version range.
    ({"dependencies": {"a": "1", "b": "2"}, "optionalDependencies": {"a": "3"}},
     {"dependencies": {"b": "2"}, "optionalDependencies": {"a": "3"}}),
    ({"dependencies": ["a@1.0.0", "b >=2", "@s/c@^3", "d"]},
     {"dependencies": {"a": "1.0.0", "b": ">=2", "@s/c": "^3", "d": ""}}),
    ({"dependencies": "a, b"}, {"dependencies": {"a": "", "b": ""}}),
    ({"dependencies": {"a": "1", "b": None, "c": {"version": "1"}}}, {"dependencies": {"a": "1"}}),
    ({"dependencies": None, "optionalDependencies": 1, "peerDependencies": []},
     {"dependencies": None, "optionalDependencies": None, "peerDependencies": {}}),
    ({"peerDependencies": {"a": "1"}, "peerDependenciesMeta": {"a": {"optional": True}}},
     {"peerDependenciesMeta": {"a": {"optional": True}}}),
    ({"peerDependenciesMeta": []}, {"peerDependenciesMeta": None}),
    ({"acceptDependencies": {"a": "1"}}, {"acceptDependencies": {"a": "1"}}),
    # In a packument, `bin` is an object that maps a command to a path inside the package.
    ({"name": "@acme/cli", "bin": "./cli.js"}, {"bin": {"cli": "cli.js"}}),
    ({"bin": {"x/../../y": "../../etc/passwd", "z": ["no"], "w": ""}}, {"bin": {"y": "etc/passwd"}}),
    ({"bin": ["./bin/a", "bin\\b.js"]}, {"bin": {"a": "bin/a", "b.js": "bin/b.js"}}),
    ({"bin": {}}, {"bin": None}),
    ({"bin": None, "directories": "lib"}, {"bin": None, "directories": None}),
    # In a packument, `os`, `cpu` and `libc` are lists, and `engines` is an object.
    ({"os": "linux", "cpu": ["x64", 64], "libc": "glibc"}, {"os": ["linux"], "cpu": ["x64"], "libc": ["glibc"]}),
    ({"os": [], "cpu": {"x64": True}}, {"os": None, "cpu": None}),
    ({"engines": ["node >= 0.8", "npm@1"]}, {"engines": {"node": ">= 0.8", "npm": "1"}}),
    ({"engines": "node >=0.6"}, {"engines": {"node": ">=0.6"}}),
    ({"engines": {"node": ">=18", "npm": None}}, {"engines": {"node": ">=18"}}),
    # In a packument, `hasInstallScript` is true if the package has an install script.
    ({"scripts": {"postinstall": "x"}}, {"hasInstallScript": True}),
    ({"scripts": {"test": "x", "install": False}}, {"hasInstallScript": None}),
    ({"scripts": ["x"], "hasInstallScript": True}, {"hasInstallScript": None}),
    # The registry normalizes the fields that npm clients show, such as `funding`. Some fields describe the tarball,
    # such as `_hasShrinkwrap`. The registry ignores their values in package.json.
    ({"funding": "https://fund.test"}, {"funding": {"url": "https://fund.test"}}),
    ({"deprecated": "use q"}, {"deprecated": "use q"}),
    ({"deprecated": False}, {"deprecated": None}),
    ({"_hasShrinkwrap": True, "_resolved": "x", "dist": {"tarball": "https://evil.test"}}, {"_hasShrinkwrap": False}),
]  # fmt: skip


@pytest.mark.parametrize(("package", "expected"), INSTALL)
def test_clients_read_the_normal_form_in_both_packuments(tmp_path: Path, package: Any, expected: Any) -> None:
    for manifest in served(tmp_path, package):
        assert {name: manifest.get(name) for name in expected} == expected
        assert manifest["dist"]["tarball"].startswith(f"{URL}/npm/")


# Each item begins with a value of the field `repository` in a package.json. It is followed by the values of
# `repository.url`, `bugs.url` and `homepage` that npm 11 publishes for this package.json.
REPOSITORIES: list[tuple[str, str, str, str]] = [
    (written, url, "https://github.com/acme/p/issues", "https://github.com/acme/p#readme")
    for written, url in [
        ("git://github.com/acme/p.git", "git://github.com/acme/p.git"),
        ("git@github.com:acme/p.git", "git+ssh://git@github.com/acme/p.git"),
        ("ssh://git@github.com/acme/p.git", "git+ssh://git@github.com/acme/p.git"),
        ("git+ssh://git@github.com:acme/p", "git+ssh://git@github.com/acme/p.git"),
        ("http://github.com/acme/p/", "git+ssh://git@github.com/acme/p.git"),
        ("https://ada@github.com/acme/p.git", "git+https://ada@github.com/acme/p.git"),
    ]
] + [
    ("github:acme/p#main", "git+https://github.com/acme/p.git#main",
     "https://github.com/acme/p/issues", "https://github.com/acme/p/tree/main#readme"),
    ("https://github.com/acme/p/tree/main/packages/x", "git+https://github.com/acme/p.git#main",
     "https://github.com/acme/p/issues", "https://github.com/acme/p/tree/main#readme"),
    ("https://gitlab.com/acme/sub/p.git", "git+https://gitlab.com/acme/sub/p.git",
     "https://gitlab.com/acme/sub/p/issues", "https://gitlab.com/acme/sub/p#readme"),
    ("git@bitbucket.org:acme/p.git#1.0", "git+ssh://git@bitbucket.org/acme/p.git#1.0",
     "https://bitbucket.org/acme/p/issues", "https://bitbucket.org/acme/p/src/1.0#readme"),
    ("gist:11081aaa281", "git+https://gist.github.com/11081aaa281.git",
     "https://gist.github.com/11081aaa281", "https://gist.github.com/11081aaa281"),
]  # fmt: skip

FULL: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"author": "Ada <ada@x.test> (https://x.test)"},
     {"author": {"name": "Ada", "email": "ada@x.test", "url": "https://x.test"}}),
    ({"contributors": ["Ada", {"name": "Bob"}, 1]}, {"contributors": [{"name": "Ada"}, {"name": "Bob"}]}),
    ({"author": {"name": "Ada", "mail": "ada@x.test", "web": "https://x.test", "phone": 1}},
     {"author": {"name": "Ada", "email": "ada@x.test", "url": "https://x.test"}}),
    ({"author": {}, "contributors": "Ada"}, {"author": None, "contributors": [{"name": "Ada"}]}),
    ({"repository": "acme/p"}, {"repository": {"type": "git", "url": "git+https://github.com/acme/p.git"},
     "bugs": {"url": "https://github.com/acme/p/issues"}, "homepage": "https://github.com/acme/p#readme"}),
    ({"repository": "gitlab:acme/p", "homepage": "acme.test", "bugs": "bugs@acme.test"},
     {"repository": {"type": "git", "url": "git+https://gitlab.com/acme/p.git"},
      "bugs": {"email": "bugs@acme.test"}, "homepage": "http://acme.test"}),
    ({"repository": {"type": "git", "url": "https://www.github.com/acme/p", "directory": "a"}},
     {"repository": {"type": "git", "url": "git+https://github.com/acme/p.git", "directory": "a"}}),
    ({"repository": "bitbucket:acme/p.git", "bugs": {"url": "https://b.test/1", "email": 1}},
     {"repository": {"type": "git", "url": "git+https://bitbucket.org/acme/p.git"}, "bugs": {"url": "https://b.test/1"}}),
    ({"repository": "svn://x.test/p", "bugs": "no address", "homepage": ["https://x.test"]},
     {"repository": {"type": "git", "url": "svn://x.test/p"}, "bugs": None, "homepage": None}),
    ({"repository": {"type": "git"}, "bugs": {}, "homepage": "http://[x"}, {"repository": None, "bugs": None}),
    ({"repository": {"type": "git", "url": "https://x.test/p.git", "directory": "a"}},
     {"repository": {"type": "git", "url": "https://x.test/p.git", "directory": "a"}}),
    *[({"repository": written}, {"repository": {"type": "git", "url": url}, "bugs": {"url": bugs}, "homepage": page})
      for written, url, bugs, page in REPOSITORIES],
    ({"repository": "https://github.com/acme/p/blob/main/x"}, {"bugs": None, "homepage": None}),
    ({"repository": "git@acme.test:acme/p.git"}, {"repository": {"type": "git", "url": "git@acme.test:acme/p.git"}}),
    ({"keywords": "a, b"}, {"keywords": ["a", "b"]}),
    ({"description": {"no": "text"}}, {"description": None}),
    ({"scripts": {"test": "./node_modules/.bin/tap", "x": 1}}, {"scripts": {"test": "tap"}}),
    ({"_id": "other@2", "_requested": {}}, {"_id": "p@1.0.0", "_requested": None}),
]  # fmt: skip


@pytest.mark.parametrize(("package", "expected"), FULL)
def test_people_and_tools_read_the_normal_form_in_the_full_packument(
    tmp_path: Path, package: Any, expected: Any
) -> None:
    packument = read_back(npm.read(packed(tmp_path, package)))[0]
    assert {name: packument["versions"]["1.0.0"].get(name) for name in expected} == expected
    hoisted = {"author", "bugs", "contributors", "description", "homepage", "keywords", "repository"}
    assert {name: packument.get(name) for name in expected.keys() & hoisted} == {
        name: value for name, value in expected.items() if name in hoisted
    }


def test_the_files_of_a_tarball_decide_what_package_json_does_not_say(tmp_path: Path) -> None:
    files = {"npm-shrinkwrap.json": "{}", "binding.gyp": "", "commands/a": "1", "commands/.hidden": "", "lib/x.gyp": ""}
    for manifest in served(tmp_path, {"directories": {"bin": "./commands"}}, **files):
        assert manifest["_hasShrinkwrap"] is True
        assert manifest["hasInstallScript"] is True
        assert manifest["bin"] == {"a": "commands/a"}
        assert manifest["dist"]["fileCount"] == 6
        assert manifest["dist"]["unpackedSize"] > 3
    assert served(tmp_path, {}, **files)[0]["scripts"] == {"install": "node-gyp rebuild"}
    empty = {"bin": "", "directories": {"bin": "commands"}}
    assert [each["bin"] for each in served(tmp_path, empty, **files)] == [{"a": "commands/a"}] * 2


def test_both_packuments_have_the_time_of_each_version(tmp_path: Path) -> None:
    full, abbreviated = read_back(npm.read(packed(tmp_path, {})))
    assert full["time"] == abbreviated["time"] == {"created": WRITTEN, "modified": WRITTEN, "1.0.0": WRITTEN}


@pytest.mark.parametrize(
    "package", [{"gypfile": False}, {"scripts": {"preinstall": ""}}, {"scripts": {"test": "x"}, "gypfile": False}]
)
def test_a_gyp_file_is_ignored_if_the_package_builds_nothing(tmp_path: Path, package: Any) -> None:
    for manifest in served(tmp_path, package, **{"binding.gyp": ""}):
        assert "hasInstallScript" not in manifest


def test_the_last_of_several_package_json_files_counts(tmp_path: Path) -> None:
    """Reads a tarball with two package.json files in different top-level directories. When npm unpacks a tarball, it
    drops the first directory of each path. Both files therefore get the same path, and the last file replaces the
    first.
    """
    first, last = ({"name": "p", "version": "1.0.0", "description": text} for text in ("first", "last"))
    file = tarball(tmp_path / "p.tgz", first, member="other/package.json", files={"package.json": json.dumps(last)})
    assert read_back(npm.read(file))[0]["description"] == "last"


def test_package_json_with_bytes_that_are_not_utf_8_is_read_as_npm_reads_it(tmp_path: Path) -> None:
    file = tarball(tmp_path / "p.tgz", '{"name":"p","version":"1.0.0","author":"J\xfcrgen"}'.encode("latin-1"))
    assert read_back(npm.read(file))[0]["author"] == {"name": "J\ufffdrgen"}


def test_numbers_that_json_cannot_represent_are_null_and_others_stay(tmp_path: Path) -> None:
    """Python's JSON parser reads 1e999 as infinity. Python's JSON serializer writes infinity as `Infinity`, which is
    not valid JSON. No client could parse a packument that contains it.
    """
    numbers = f'"a": 1e999, "b": -{"9" * 5000}, "c": 1.5, "d": -7, "e": 12345678901234567890'
    file = tarball(tmp_path / "p.tgz", f'{{"name": "p", "version": "1.0.0", "config": {{{numbers}}}}}'.encode())
    expected = {"a": None, "b": None, "c": 1.5, "d": -7, "e": 12345678901234567890}
    assert read_back(npm.read(file))[0]["versions"]["1.0.0"]["config"] == expected


def test_a_record_with_an_infinite_number_of_an_earlier_release_still_renders(tmp_path: Path) -> None:
    manifest = {"name": "p", "version": "1.0.0", "config": {"port": float("inf"), "host": "x"}}
    fact = {"manifest": manifest, "file": "p-1.0.0.tgz", "shasum": "1", "integrity": "sha512-1"}
    known = Known({"version#1.0.0": fact}, {"version#1.0.0": WRITTEN})
    full, abbreviated = (json.loads(each.body or b"", parse_constant=pytest.fail) for each in
                         NpmPackage("p").documents(known, (), URL, lambda _: b""))  # fmt: skip
    assert full["versions"]["1.0.0"]["config"] == {"port": None, "host": "x"}
    assert abbreviated["versions"]["1.0.0"]["version"] == "1.0.0"


def test_a_tarball_without_compression_is_accepted(tmp_path: Path) -> None:
    """npm accepts an uncompressed tarball, although `npm pack` never makes one."""
    file = packed(tmp_path, {"description": "plain"})
    file.write_bytes(gzip.decompress(file.read_bytes()))
    assert read_back(npm.read(file))[0]["description"] == "plain"


def test_a_shrinkwrap_or_gyp_file_in_a_subfolder_is_ignored(tmp_path: Path) -> None:
    for manifest in served(tmp_path, {}, **{"examples/npm-shrinkwrap.json": "{}", "lib/binding.gyp": ""}):
        assert manifest["_hasShrinkwrap"] is False
        assert "hasInstallScript" not in manifest


def test_versions_without_a_record_of_their_files_still_render(tmp_path: Path) -> None:
    fact = {
        "manifest": {"name": "p", "version": "1.0.0", "bundledDependencies": ["a"], "scripts": {"install": "x"}},
        "file": "p-1.0.0.tgz",
        "shasum": "1",
        "integrity": "sha512-1",
    }
    known = Known({"version#1.0.0": fact}, {"version#1.0.0": WRITTEN})
    for document in NpmPackage("p").documents(known, (), URL, lambda _: b""):
        manifest = json.loads(document.body or b"")["versions"]["1.0.0"]
        assert manifest["bundleDependencies"] == ["a"]
        assert manifest["hasInstallScript"] is True
        # If a packument has no field `_hasShrinkwrap`, npm must read the tarball to learn whether the package has a
        # shrinkwrap file.
        assert "_hasShrinkwrap" not in manifest


@pytest.mark.parametrize(
    ("name", "version", "key"),
    [
        ("JSONStream", "1.3.5", "npm/JSONStream/-/JSONStream-1.3.5.tgz"),
        (" p ", "v1.0.0", "npm/p/-/p-1.0.0.tgz"),
        ("p", " =1.0.0 ", "npm/p/-/p-1.0.0.tgz"),
        ("p", "1.2.3beta", "npm/p/-/p-1.2.3-beta.tgz"),
        ("p", "01.2.3-rc.1", "npm/p/-/p-1.2.3-rc.1.tgz"),
        ("p", "1.0.0+build.5", "npm/p/-/p-1.0.0.tgz"),
        ("p", "1.0.0-beta.01", "npm/p/-/p-1.0.0-beta.1.tgz"),
        ("p", "1.0.0-0a.00", "npm/p/-/p-1.0.0-0a.0.tgz"),
        ("p", "9007199254740991.0.0", "npm/p/-/p-9007199254740991.0.0.tgz"),
        ("@acme/_internal", "1.0.0", "npm/@acme/_internal/-/_internal-1.0.0.tgz"),
        ("node.js_x~", "1.0.0", "npm/node.js_x~/-/node.js_x~-1.0.0.tgz"),
    ],
)
def test_names_and_versions_that_npm_accepts_are_accepted(tmp_path: Path, name: str, version: str, key: str) -> None:
    artifact = npm.read(packed(tmp_path, {"name": name, "version": version}))
    assert artifact.blobs[0].key == key
    for packument in read_back(artifact):
        ((number, manifest),) = packument["versions"].items()
        assert packument["name"] == manifest["name"] == name.strip()
        assert manifest["version"] == number
        assert manifest["dist"]["tarball"] == f"{URL}/{key}"


@pytest.mark.parametrize(
    "field", ["dependencies", "bin", "engines", "os", "scripts", "author", "repository", "funding"]
)
@pytest.mark.parametrize(
    "value", [None, 0, 1, True, "", "x", [], [None], [{}], {}, {"a": None}, {"a": {"b": []}}, "\ud800"]
)
def test_no_field_value_prevents_a_publication(tmp_path: Path, field: str, value: Any) -> None:
    for manifest in served(tmp_path, {field: value}):
        assert manifest["version"] == "1.0.0"


@pytest.mark.parametrize(
    ("spec", "title"), [("", "p 1.0.0"), ("q@2.0.0", "q 2.0.0"), ("@acme/q@2.0.0", "@acme/q 2.0.0"), ("q@", "q 1.0.0")]
)
def test_the_name_and_version_of_a_registry_replace_those_of_package_json(
    tmp_path: Path, spec: str, title: str
) -> None:
    assert npm.read(packed(tmp_path, {}), spec=spec).title == f"npm {title}"


def test_a_tarball_that_no_program_can_unpack_is_one_clear_line(tmp_path: Path) -> None:
    """Reads a tarball with an invalid sparse file. For this file, Python's tarfile raises ValueError instead of
    TarError.
    """
    body = json.dumps({"name": "p", "version": "1.0.0"}).encode()
    with tarfile.open(tmp_path / "p.tgz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("package/package.json")
        member.size, member.pax_headers = len(body), {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
        tar.addfile(member, BytesIO(body))
    with pytest.raises(RegistryError, match=r"p\.tgz: is not an npm tarball"):
        npm.read(tmp_path / "p.tgz")
