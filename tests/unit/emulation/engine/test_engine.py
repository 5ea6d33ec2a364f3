"""Tests where the sandbox finds the Pulumi engine. Also tests that Pulumi's language host reports a user's mistake in
one line.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from emulation.engine import environment, find
from emulation.layout import Sandbox


def install(directory: Path, *, version: str, language_host: bool = True) -> Path:
    directory.mkdir()
    pulumi = directory / "pulumi"
    pulumi.write_text(f"#!/bin/sh\necho {version}\n")
    pulumi.chmod(0o755)
    if language_host:
        host = directory / "pulumi-language-python"
        host.write_text("#!/bin/sh\n")
        host.chmod(0o755)
    return pulumi


def test_a_new_engine_on_path_is_used(tmp_path: Path) -> None:
    pulumi = install(tmp_path / "bin", version="v3.260.1")
    assert find.on_path(str(pulumi.parent)) == pulumi


@pytest.mark.parametrize("version", ["v3.100.0", "v2.99.9", "nonsense"])
def test_an_old_or_unknown_engine_is_passed_over(tmp_path: Path, version: str) -> None:
    assert find.on_path(str(install(tmp_path / "bin", version=version).parent)) is None


def test_an_engine_without_its_language_host_is_passed_over(tmp_path: Path) -> None:
    pulumi = install(tmp_path / "bin", version="v3.260.1", language_host=False)
    assert find.on_path(str(pulumi.parent)) is None


def test_the_official_language_host_is_not_shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pulumi = install(tmp_path / "bin", version="v3.260.1")
    monkeypatch.setenv("PATH", str(pulumi.parent))
    engine = find.ensure_engine(lambda line: None)
    assert engine == find.Engine(pulumi)
    prepared = environment.engine_environment(engine, Sandbox(directory=tmp_path / "sandbox"), passphrase="any")
    path = prepared["PATH"].split(os.pathsep)
    assert path[0] == str(pulumi.parent)


def test_simultaneous_programs_build_the_engine_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls `find.ensure_engine` in two threads at the same time, on a computer without a Pulumi engine. One thread
    builds the engine, and the other waits. The test lets the build end only after the other thread has reported that it
    waits.
    """
    waits = threading.Event()
    builds: list[Path] = []

    def build(target: Path, _: find.Report) -> None:
        builds.append(target)
        waits.wait(timeout=5)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("")

    def download(directory: Path, _: find.Report) -> None:
        raise find.NotDownloadable

    def report(line: str) -> None:
        if "another program" in line:
            waits.set()

    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(find, "cache_directory", lambda: tmp_path)
    monkeypatch.setattr(find, "download", download)
    monkeypatch.setattr(find, "build", build)
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(find.ensure_engine, [report, report])
    assert first == second
    assert builds == [first.pulumi]


def test_a_download_with_another_checksum_is_refused() -> None:
    digest = hashlib.sha256(b"release").hexdigest()
    find.verify(b"release", "p.tar.gz", f"{digest}  p.tar.gz\n")
    with pytest.raises(find.EngineError, match=r"p\.tar\.gz has SHA-256 .* not used"):
        find.verify(b"tampered", "p.tar.gz", f"{digest}  p.tar.gz\n")
    with pytest.raises(find.EngineError, match="the publisher lists none"):
        find.verify(b"release", "p.tar.gz", f"{digest}  other.tar.gz\n")


def test_the_state_is_for_its_owner_only(tmp_path: Path) -> None:
    engine = find.Engine(tmp_path / "pulumi")
    prepared = environment.engine_environment(engine, Sandbox(directory=tmp_path / "sandbox"), passphrase="any")
    state = Path(urlsplit(prepared["PULUMI_BACKEND_URL"]).path)
    assert state.is_dir()
    assert state.parent.stat().st_mode & 0o777 == 0o700


def test_the_launched_language_host_prints_its_port_first(tmp_path: Path) -> None:
    launcher = find.write_language_host(tmp_path)
    engine = find.Engine(tmp_path / "pulumi")
    prepared = environment.engine_environment(engine, Sandbox(directory=tmp_path / "sandbox"), passphrase="any")
    process = subprocess.Popen([launcher, "127.0.0.1:1"], cwd=tmp_path, env=prepared, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert 0 < int(process.stdout.readline()) < 65536
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.mark.parametrize(("machine", "processor"), [("x86_64", "x64"), ("aarch64", "arm64"), ("riscv64", "riscv64")])
def test_the_release_is_for_the_machine_s_processor(
    machine: str, processor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def get(url: str, **_: object) -> httpx.Response:
        asked.append(url)
        return httpx.Response(200 if url == find.CHECKSUMS else 404, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(find.NotDownloadable):
        find.download(tmp_path, print)
    assert asked[-1].endswith(f"-linux-{processor}.tar.gz")


def test_an_engine_without_its_environment_says_what_to_do(tmp_path: Path) -> None:
    launcher = find.write_language_host(tmp_path)
    ended = subprocess.run([launcher, "127.0.0.1:1"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "this Pulumi engine was built by artifact-edge, and EMULATION_PYTHON names no program: "
        'in the checkout, run eval "$(.venv/bin/python -m local env)" first, or install Pulumi from get.pulumi.com'
    ]


def test_pulumi_programs_run_with_the_interpreter_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text('#!/bin/sh\necho "$@"\n')
    interpreter.chmod(0o755)
    monkeypatch.setenv("EMULATION_INTERPRETER", str(interpreter))
    engine = find.Engine(tmp_path / "pulumi")
    prepared = environment.engine_environment(engine, Sandbox(directory=tmp_path / "sandbox"), passphrase="any")
    host = subprocess.run([find.write_language_host(tmp_path), "127.0.0.1:1"], env=prepared, stdout=subprocess.PIPE)
    assert host.stdout == b"-m emulation.engine.language_host 127.0.0.1:1\n"


def test_the_language_host_ends_with_its_engine(tmp_path: Path) -> None:
    """Checks that the language host ends after its Pulumi engine was killed. The language host detects this when the
    port of the engine is closed.
    """
    launcher = find.write_language_host(tmp_path)
    engine = find.Engine(tmp_path / "pulumi")
    prepared = environment.engine_environment(engine, Sandbox(directory=tmp_path / "sandbox"), passphrase="any")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        host = subprocess.Popen([launcher, address], cwd=tmp_path, env=prepared, stdout=subprocess.PIPE, text=True)
        assert host.stdout is not None
        assert host.stdout.readline()
        assert host.poll() is None
    try:
        assert host.wait(timeout=120) == 0
    finally:
        host.kill()
