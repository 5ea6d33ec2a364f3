"""Tests imports from other Python indexes into the registry. The tests check which files an import leaves out, how the
registry's pages describe the imported files, and what a second import changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from registry import RegistryError, amend
from registry import publish as publishing
from registry.catalog.audit import By
from registry.commands.imports import _print_result as print_result  # pyright: ignore[reportPrivateUsage]
from registry.ecosystems.packages import parse
from registry.importing import Found, LeftOut, Refused, Wanted
from registry.importing.apis import Api
from registry.importing.images.carry import ImageRegistries
from registry.importing.journal import Journal
from registry.importing.pipeline import Import, Imported
from registry.importing.simple_page import ListedFile, listed_files
from registry.importing.sources import Sources, or_refused
from tests.support.python_files import archive, metadata, sdist, wheel
from tests.support.registry import Network, network

__all__ = ["network"]

INDEX = "https://up.test/simple"
JSON = "application/vnd.pypi.simple.v1+json"
BY = By("importer", "", "import")


class Bytes(httpx.SyncByteStream):
    """A response body that httpx reads as a stream. httpx reads bodies from the network in the same way."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body


class Upstream:
    """A Python package index in memory with one project, `p`. `fetched` lists the files that were downloaded."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files: dict[str, bytes] = {}
        self.entries: list[dict[str, Any]] = []
        self.page: dict[str, Any] = {"meta": {"api-version": "1.1"}, "name": "p"}
        self.html = ""
        self.fetched: list[str] = []

    def add(self, file: Path, **says: Any) -> None:
        body = file.read_bytes()
        self.files[f"/files/{file.name}"] = body
        entry: dict[str, Any] = {"filename": file.name, "url": f"../../files/{file.name}"}
        self.entries.append({**entry, "hashes": {"sha256": hashlib.sha256(body).hexdigest()}, **says})

    def wheel(self, version: str, **says: Any) -> None:
        name = f"p-{version}-py3-none-any.whl"
        file = wheel(self.directory / name, metadata(version=version), directory=f"p-{version}.dist-info")
        self.add(file, **says)

    def says(self, filename: str, **changes: Any) -> None:
        for entry in self.entries:
            if entry["filename"] == filename:
                entry.update(changes)

    @property
    def api(self) -> Api:
        return Api(httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/simple/p/":
            if self.html:
                return httpx.Response(200, html=self.html)
            page = {**self.page, "files": self.entries}
            return httpx.Response(200, content=json.dumps(page), headers={"content-type": JSON})
        self.fetched.append(request.url.path.rsplit("/", 1)[-1])
        body = self.files.get(request.url.path)
        if body is None:
            return httpx.Response(404)
        # Emulates servers that declare .tar.gz files as gzip-encoded. Some servers do this even if the client accepts
        # only `identity`. Source: the comment on Accept-Encoding in pip, src/pip/_internal/network/utils.py.
        coded = {"content-encoding": "gzip"} if body.startswith(b"\x1f\x8b") else {}
        return httpx.Response(200, content=Bytes(body), headers=coded)

    def found(self, version: str = "", *, all_versions: bool = True) -> list[Found]:
        return list(self.api.pypi([INDEX], "p", version, all_versions=all_versions))


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    (tmp_path / "upstream").mkdir()
    return Upstream(tmp_path / "upstream")


def run(network: Network, upstream: Upstream, journal: Path, wanted: Iterable[Found] | None = None) -> Imported:
    kept = Journal(journal)
    try:
        registries = ImageRegistries(httpx.MockTransport(lambda _: httpx.Response(404)))
        importing = Import(network.target, BY, kept, upstream.api, registries, workers=2, report=lambda _: None)
        return importing.run(upstream.found() if wanted is None else wanted)
    finally:
        kept.close()


def served(network: Network) -> Mapping[str, Mapping[str, Any]]:
    """Returns the files on the page of the Python project `p`, by filename."""
    return {file["filename"]: file for file in network.json("pypi/simple/p/index.json")["files"]}


def test_an_import_keeps_the_fields_by_which_clients_choose_a_file(
    network: Network, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.wheel("1.0", **{"upload-time": "2016-01-02T03:04:05.678901Z", "requires-python": ">=2.7, !=3.0.*"})
    upstream.wheel("2.0", **{"upload-time": "2020-01-01T02:00:00+02:00", "yanked": 'breaks "all"\n<users>'})
    upstream.wheel("3.0", **{"upload-time": "yesterday", "yanked": True, "requires-python": ">=3.6.*"})
    upstream.add(sdist(upstream.directory / "p-1.0.zip", metadata()))
    imported = run(network, upstream, tmp_path / "journal")
    assert (imported.failed, imported.new) == ([], 4)
    assert [title for title, _ in imported.left_out] == ["pypi:p p-3.0-py3-none-any.whl"]
    assert imported.kinds == {"upload time": 1}
    assert "'yesterday'" in imported.left_out[0][1]
    files = served(network)
    first, second, third = (files[f"p-{number}-py3-none-any.whl"] for number in ("1.0", "2.0", "3.0"))
    assert (first["upload-time"], first["requires-python"]) == ("2016-01-02T03:04:05.678901Z", ">=2.7, !=3.0.*")
    assert (second["upload-time"], second["yanked"]) == ("2020-01-01T00:00:00.000000Z", 'breaks "all"\n<users>')
    assert (third["yanked"], third["requires-python"]) == (True, ">=3.6.*")
    # The source index states an invalid upload time for one of the files. For this file, the registry's page therefore
    # shows the time of the import.
    assert third["upload-time"].startswith("20")
    assert files["p-1.0.zip"]["hashes"]["sha256"] == hashlib.sha256(upstream.files["/files/p-1.0.zip"]).hexdigest()
    assert first["core-metadata"] == {"sha256": hashlib.sha256(metadata(version="1.0").encode()).hexdigest()}
    html = network.get("pypi/simple/p/index.html").decode()
    assert 'data-requires-python="&gt;=2.7, !=3.0.*"' in html
    # The edge worker hides a refused file by removing its line from the page. Each link must therefore be on one line,
    # even if the reason why the file was yanked contains a line break.
    assert 'data-yanked="breaks &quot;all&quot;&#10;&lt;users&gt;"' in html
    assert 'data-yanked=""' in html


def test_the_next_import_applies_a_later_yank_and_its_end(network: Network, upstream: Upstream, tmp_path: Path) -> None:
    upstream.wheel("1.0")
    name, journal = "p-1.0-py3-none-any.whl", tmp_path / "journal"
    run(network, upstream, journal)
    assert run(network, upstream, journal).skipped == 1
    for yanked in ("broken", False, "broken"):
        upstream.says(name, yanked=yanked)
        again = run(network, upstream, journal)
        assert (again.new, again.skipped, again.failed) == (1, 0, [])
        assert served(network)[name]["yanked"] == yanked
    assert run(network, upstream, journal).skipped == 1
    assert upstream.fetched == [name] * 4


def test_an_import_does_not_change_an_operators_yank(network: Network, upstream: Upstream, tmp_path: Path) -> None:
    upstream.wheel("1.0", yanked="broken")
    run(network, upstream, tmp_path / "journal")
    reference = parse("pypi:p==1.0")
    publishing.apply(network.target, [amend.yanked(network.target, reference, "", back=True)], BY)
    upstream.says("p-1.0-py3-none-any.whl", yanked="broken again")
    run(network, upstream, tmp_path / "journal")
    assert served(network)["p-1.0-py3-none-any.whl"]["yanked"] is False


def test_yanks_of_an_import_are_shown_to_the_operator(network: Network, upstream: Upstream, tmp_path: Path) -> None:
    upstream.wheel("1.0", yanked="broken")
    upstream.wheel("2.0", yanked=True)
    run(network, upstream, tmp_path / "journal")
    lines = amend.shown(amend.known_of(network.target, parse("pypi:p")))
    assert lines == ["p-1.0-py3-none-any.whl  yanked broken", "p-2.0-py3-none-any.whl  yanked"]


def test_files_that_no_installer_takes_are_left_out_by_name_and_counted(
    network: Network, upstream: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.wheel("1.0", provenance="https://up.test/p.provenance", **{"gpg-sig": True})
    for name in ("p-1.0-py2.7.egg", "p-0.9-py2.6.egg", "p-1.0.win32.exe", "p-1.0dev-r99.tar.gz", "q-1.0.tar.gz"):
        upstream.add(archive(upstream.directory / name, {"x": ""}))
    upstream.page["project-status"] = {"status": "archived", "reason": "use q"}
    print_result(run(network, upstream, tmp_path / "journal"))
    written = capsys.readouterr()
    assert written.out == (
        "imported 1; there already 0; left out 8 (1 PGP signature, 1 Windows installer, 1 attestations (PEP 740), "
        "2 egg, 1 invalid name, 1 legacy version, 1 project status); failed 0\n"
    )
    assert "left out: pypi:p: p-1.0-py2.7.egg: is an egg" in written.err
    assert "left out: pypi:p p-1.0-py3-none-any.whl: its PGP signature" in written.err
    assert "left out: pypi:p: the status 'archived' of the project: use q" in written.err
    assert list(served(network)) == ["p-1.0-py3-none-any.whl"]
    assert upstream.fetched == ["p-1.0-py3-none-any.whl"]


def test_a_failed_file_is_named_with_its_project_and_does_not_stop_the_others(
    network: Network, upstream: Upstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    upstream.wheel("1.0")
    upstream.add(archive(upstream.directory / "p-1.1-py3-none-any.whl", {"x": ""}))
    upstream.wheel("1.2", hashes={"sha256": "0" * 64})
    upstream.wheel("1.3", hashes={})
    upstream.wheel("1.4")
    del upstream.files["/files/p-1.4-py3-none-any.whl"]
    upstream.entries += [{"filename": "p-1.5.tar.gz"}, {"url": "x"}]
    upstream.wheel("1.6")
    with pytest.raises(SystemExit) as ended:
        print_result(run(network, upstream, tmp_path / "journal"))
    assert ended.value.code == 1
    written = capsys.readouterr()
    assert written.out == "imported 2; there already 0; failed 6\n"
    lines = written.err.splitlines()
    for says in (
        "error: pypi:p p-1.1-py3-none-any.whl: holds 0 .dist-info directories",
        "error: pypi:p p-1.2-py3-none-any.whl: has the sha256",
        "error: pypi:p p-1.3-py3-none-any.whl: the source states no supported digest",
        "error: pypi:p p-1.4-py3-none-any.whl: https://up.test/files/p-1.4-py3-none-any.whl: cannot be fetched: 404",
        f"error: pypi:p: {INDEX}/p/: file 6 has no url",
        f"error: pypi:p: {INDEX}/p/: file 7 has no filename",
    ):
        assert [line for line in lines if line.startswith(says)], says
    assert list(served(network)) == ["p-1.0-py3-none-any.whl", "p-1.6-py3-none-any.whl"]
    upstream.entries = [entry for entry in upstream.entries if entry.get("filename") != "p-1.1-py3-none-any.whl"]
    upstream.fetched.clear()
    again = run(network, upstream, tmp_path / "journal")
    assert (again.new, again.skipped, len(again.failed)) == (0, 2, 5)
    assert "p-1.0-py3-none-any.whl" not in upstream.fetched


def test_a_file_is_not_decoded_although_the_server_declares_a_coding(
    network: Network, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.add(sdist(upstream.directory / "p-1.0.tar.gz", metadata()))
    imported = run(network, upstream, tmp_path / "journal")
    assert (imported.failed, imported.new) == ([], 1)
    assert network.get("pypi/files/p/p-1.0.tar.gz") == upstream.files["/files/p-1.0.tar.gz"]


def test_an_invalid_url_does_not_stop_the_other_files(network: Network, upstream: Upstream, tmp_path: Path) -> None:
    upstream.wheel("1.0")
    for version, url in (("1.1", "https://[bad/p.whl"), ("1.2", "https://up.test:port/p.whl"), ("1.3", "ftp://x/p")):
        upstream.wheel(version, url=url)
    imported = run(network, upstream, tmp_path / "journal")
    assert imported.new == 1
    assert sorted(title for title, _ in imported.failed) == [
        f"pypi:p p-{version}-py3-none-any.whl" for version in ("1.1", "1.2", "1.3")
    ]


def test_a_page_in_html_is_read_like_one_in_json(upstream: Upstream, tmp_path: Path) -> None:
    upstream.html = """<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0">
    <base href="https://files.test/there/"></head><body><a href="../">up</a>
    <a href="p-1.0.tar.gz#sha256=AA" data-requires-python="&gt;=3,&lt;4" data-yanked>p-1.0.tar.gz</a>
    <a href="/p-1.1%2Bcu118-py3-none-any.whl#md5=bb" data-yanked="why &amp; how" data-gpg-sig="true">w</a>
    <a href="p-1.2.zip" data-core-metadata="true">p</a></body></html>"""
    one, two, none = upstream.found()
    assert isinstance(one, Wanted)
    assert isinstance(two, Wanted)
    assert (one.location, one.digest) == ("https://files.test/there/p-1.0.tar.gz", "sha256:aa")
    assert one.listing is not None
    assert (one.listing.requires_python, one.listing.yanked, one.listing.reason) == (">=3,<4", True, "")
    assert (two.filename, two.digest) == ("p-1.1+cu118-py3-none-any.whl", "md5:bb")
    assert two.listing is not None
    assert (two.listing.yanked, two.listing.reason, two.left_out) == (True, "why & how", ("its PGP signature",))
    assert isinstance(none, Refused)
    assert (none.title, "no supported digest" in none.reason) == ("pypi:p p-1.2.zip", True)


@pytest.mark.parametrize("form", ["html", "json"])
def test_statements_about_the_whole_project_are_left_out_by_name(upstream: Upstream, form: str) -> None:
    upstream.wheel("1.0")
    upstream.page |= {
        "project-status": {"status": "deprecated", "reason": "use q"},
        "meta": {"api-version": "1.4", "tracks": ["https://tracked.test/p/"]},
        "alternate-locations": ["https://other.test/p/"],
    }
    if form == "html":
        upstream.html = """<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.4">
        <meta name="pypi:project-status" content="deprecated"><meta name="pypi:project-status-reason" content="use q">
        <meta name="pypi:alternate-locations" content="https://other.test/p/">
        <meta name="pypi:tracks" content="https://tracked.test/p/"></head>
        <body><a href="p-1.0-py3-none-any.whl#sha256=aa">p</a></body></html>"""
    left_out = [each for each in upstream.found() if isinstance(each, LeftOut)]
    assert [(each.kind, each.reason.rsplit(": ")[-1]) for each in left_out] == [
        ("project status", "use q"),
        ("other repository", "https://other.test/p/"),
        ("other repository", "https://tracked.test/p/"),
    ]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ('{"meta": {"api-version": "2.0"}, "files": []}', r"has the API version 2\.0"),
        ('<html><meta name="pypi:repository-version" content="2.1"></html>', r"has the API version 2\.1"),
        ('{"files": {}}', "has no list of files"),
        ("[]", "has no list of files"),
        ("{", "answers with invalid JSON"),
        ("no page", "answers with neither JSON nor HTML"),
    ],
)
def test_a_page_that_cannot_be_read_is_one_clear_line(upstream: Upstream, page: str, says: str) -> None:
    upstream.html = page
    with pytest.raises(RegistryError, match=says) as refused:
        upstream.found()
    assert f"{INDEX}/p/" in str(refused.value)


def test_without_a_version_the_import_takes_the_one_that_pip_would_choose(upstream: Upstream) -> None:
    def picked(version: str = "") -> list[str]:
        return [each.filename for each in upstream.found(version, all_versions=False) if isinstance(each, Wanted)]

    for version in ("1.0a1", "1.0b1"):
        upstream.wheel(version)
    assert picked() == ["p-1.0b1-py3-none-any.whl"]
    for version, yanked in (("0.9", False), ("1.0", True), ("2.0.dev1", False)):
        upstream.wheel(version, yanked=yanked)
    assert picked() == ["p-0.9-py3-none-any.whl"]
    upstream.add(sdist(upstream.directory / "p-1.0.tar.gz"))
    assert picked() == ["p-1.0-py3-none-any.whl", "p-1.0.tar.gz"]
    assert picked("1.0.0") == ["p-1.0-py3-none-any.whl", "p-1.0.tar.gz"]


def test_a_version_without_a_local_part_matches_local_versions(upstream: Upstream) -> None:
    """Imports `p==1.0` from an index that has 1.0 only as local versions, such as `1.0+cpu` and `1.0+cu118`. PyTorch
    publishes wheels with such local versions. The specifier `==1.0` matches all of them (PEP 440, "Version matching"),
    and pip takes the highest.
    """

    def picked(version: str) -> list[str]:
        return [each.filename for each in upstream.found(version, all_versions=False) if isinstance(each, Wanted)]

    for version in ("1.0+cpu", "1.0+cu118", "1.1+cpu", "1.0.post1+cpu"):
        upstream.wheel(version)
    assert picked("1.0") == ["p-1.0+cu118-py3-none-any.whl"]
    assert picked("1.0+cpu") == ["p-1.0+cpu-py3-none-any.whl"]
    with pytest.raises(RegistryError, match=r"has no version 1\.0\.dev1"):
        picked("1.0.dev1")
    upstream.wheel("1.0")
    assert picked("1.0") == ["p-1.0-py3-none-any.whl"]


def test_a_page_in_json_may_have_digests_in_urls_and_a_byte_order_mark() -> None:
    """Reads a page of a simple index in JSON. The field `hashes` is empty. The digest is in the fragment of the file's
    URL, as on a page in HTML. pip accepts digests in fragments, too.
    """
    entry: dict[str, Any] = {"filename": "p-1.0.tar.gz", "url": "p-1.0.tar.gz#sha256=AA", "hashes": {}}
    page = json.dumps({"meta": {"api-version": "1.0"}, "name": "p", "files": [entry]})
    (file,) = listed_files("https://up.test/simple/p/", page.encode("utf-8-sig"), "p")
    assert isinstance(file, ListedFile)
    assert (file.url, file.hashes) == ("https://up.test/simple/p/p-1.0.tar.gz", {"sha256": "aa"})


def test_an_import_of_one_version_reports_only_its_left_out_files(upstream: Upstream) -> None:
    upstream.wheel("1.0")
    for name in ("p-1.0-py2.7.egg", "p-1.0.win32.exe", "p-1.0.1-py2.7.egg", "p-1.0.1.win32.exe", "p-1.0-1.noarch.rpm"):
        upstream.add(archive(upstream.directory / name, {"x": ""}))
    left_out = [each.reason for each in upstream.found("1.0", all_versions=False) if isinstance(each, LeftOut)]
    assert [reason.partition(": ")[0] for reason in left_out] == [
        "p-1.0-py2.7.egg",
        "p-1.0.win32.exe",
        "p-1.0-1.noarch.rpm",
    ]


def test_only_files_with_a_pinned_digest_are_imported(upstream: Upstream, tmp_path: Path) -> None:
    upstream.wheel("1.0")
    upstream.add(sdist(upstream.directory / "p-1.0.tar.gz"))
    pinned = upstream.entries[1]["hashes"]["sha256"]
    file = tmp_path / "requirements.txt"
    sources = Sources(upstream.api, ImageRegistries(), tmp_path / "scratch", pypi_index=INDEX)
    file.write_text(f"p==1.0 --hash=sha256:{pinned} --hash=sha512:{'0' * 128}\n")
    (only,) = sources.of(str(file))
    assert isinstance(only, Wanted)
    assert only.filename == "p-1.0.tar.gz"
    file.write_text(f"p==1.0 --hash=sha256:{'0' * 64}\nq==1.0\n")
    refused = list(sources.of(str(file)))
    assert [type(each) for each in refused] == [Refused, Refused]
    assert "has one of the digests that are pinned" in str(refused[0])
    assert f"{INDEX}/q/: cannot be fetched: 404" in str(refused[1])


def test_a_journal_of_an_earlier_release_is_read(network: Network, upstream: Upstream, tmp_path: Path) -> None:
    upstream.wheel("1.0")
    (wanted,) = upstream.found()
    assert isinstance(wanted, Wanted)
    (tmp_path / "journal").write_text(f"{hashlib.sha256(wanted.id.encode()).hexdigest()[:32]}\n0123")
    assert run(network, upstream, tmp_path / "journal").skipped == 1
    upstream.says(wanted.filename, yanked="broken")
    assert run(network, upstream, tmp_path / "journal").new == 1


def test_an_unreadable_source_does_not_stop_the_others(upstream: Upstream, tmp_path: Path) -> None:
    upstream.wheel("1.0")
    sources = Sources(upstream.api, ImageRegistries(), tmp_path / "scratch", pypi_index=INDEX)
    (tmp_path / "package-lock.json").write_text("{")
    broken = str(tmp_path / "package-lock.json")
    found = [each for source in ("nothing", broken, "pypi:p") for each in or_refused(source, sources.of(source))]
    assert [type(each) for each in found] == [Refused, Refused, Wanted]
