"""Runs the commands of the documentation on a sandbox (emulated clouds), in the order in which each page prints them.

The commands run in a temporary folder with links to the files of the checkout. New files of the commands therefore stay
out of the checkout. The tests replace the name of a real stack in a command with `local`.
tests/support/printed_commands.py lists the blocks of commands that a sandbox cannot run, with the reasons.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from emulation.engine.environment import shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import LOOPBACK_VARIABLE
from emulation.processes import interpreter
from local import samples
from local.stack import PASSPHRASE
from tests.support import install_logs
from tests.support.packages import tarball, wheel
from tests.support.printed_commands import CHECKOUT, all_blocks, commands
from tests.support.sandbox.commands import registry
from tests.support.sandbox.up import Up

RUN = [block for block in all_blocks() if block.reason_not_to_run is None]
PAGES = sorted({block.page for block in RUN})
PRINTED_TOKEN = "3f9a1c20b7de"  # the id of a token that the pages print


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Makes a folder for the commands in the documentation. The folder has links to the files of the checkout. It also
    has the package files that the commands publish, and the access logs that the commands of access-logs.md read.
    """
    for entry in CHECKOUT.iterdir():
        if entry.name not in (".git", ".sandbox"):
            (tmp_path / entry.name).symlink_to(entry)
    tarball(tmp_path / "acme-web-1.1.0.tgz", {"name": "@acme/web", "version": "1.1.0"})
    wheel(
        tmp_path / "acme_greeter-1.1-py3-none-any.whl",
        metadata="Metadata-Version: 2.1\nName: acme-greeter\nVersion: 1.1\n",
        project="acme_greeter",
        version="1.1",
    )
    install_logs.written(tmp_path, install_logs.all_lines())
    samples.build(tmp_path / "samples").image.rename(tmp_path / "image-layout")
    return tmp_path


def on_the_sandbox(text: str, up: Up, folder: Path) -> str:
    """Replaces those parts of a documented command that differ from machine to machine: the checkout's path, the
    sandbox's directory, the stack's name and the id of a token.
    """
    here = f"--directory {up.sandbox.directory}"
    text = text.replace("~/artifact-edge", str(folder))
    if PRINTED_TOKEN in text:
        text = text.replace(PRINTED_TOKEN, issued_token(up))
    text = re.sub(r"(-m local env|-m local client \w+)", rf"\1 {here}", text)
    return text.replace(".sandbox/", f"{up.sandbox.directory}/").replace("--stack prod", "--stack local")


def issued_token(up: Up) -> str:
    """Creates a token, and returns its id."""
    issued = registry(up, "tokens", "create", "--for", "docs", "--grant", "npm:@acme/*:pull")
    assert issued.returncode == 0, issued.stderr
    listed = registry(up, "tokens", "list").stdout
    return next(line.split()[0] for line in listed.splitlines() if " docs " in line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_work_as_printed(page: Path, up: Up, folder: Path) -> None:
    # Pages assume an operator's environment variables and the file outputs.json. getting-started.md and registry.md
    # print the commands that make them, and this test runs these commands too.
    operator = shell_environment(ensure_engine(print), up.sandbox, passphrase=PASSPHRASE)
    (folder / "outputs.json").write_text(json.dumps(up.outputs()))
    # A block with a client's commands runs in a subshell, so that its environment variables do not change those of the
    # operator's commands.
    script = "\n".join(
        f"({block.text}\n)" if "-m local client" in block.text else block.text for block in RUN if block.page == page
    )
    text = on_the_sandbox(f"set -euxo pipefail\n{script}", up, folder)
    # `python` is the interpreter that starts fast, until a page's own commands set PATH.
    path = f"{Path(interpreter()).parent}{os.pathsep}{operator['PATH']}"
    environment = {**os.environ, **operator, "PATH": path, LOOPBACK_VARIABLE: up.sandbox.loopback}
    result = subprocess.run(
        ["bash", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_pulumi_has_the_commands_and_options_that_the_pages_print(up: Up) -> None:
    """Compares the documented options with those in the help text of `pulumi`, because commands for real stacks cannot
    run in a sandbox.
    """
    printed = [words[1:] for block in all_blocks() for words in commands(block.text) if words[0] == "pulumi"]
    assert len(printed) > 20
    engine = shell_environment(ensure_engine(print), up.sandbox, passphrase="")
    engine["PULUMI_EXPERIMENTAL"] = "true"  # without it, the help of `pulumi` does not list --plan
    help_of = {command: help_text(command, engine) for command in {subcommand(words) for words in printed}}
    missing = [
        f"pulumi {' '.join(words)}: {option}"
        for words in printed
        for option in (each.split("=")[0] for each in words if each.startswith("-"))
        if not re.search(rf"(^|\s){option}[\s,=]", help_of[subcommand(words)])
    ]
    assert missing == []


def subcommand(words: list[str]) -> tuple[str, ...]:
    """Returns the words of a `pulumi` command that select its help text."""
    return tuple(words[: 2 if words[0] in ("config", "stack", "state") and not words[1].startswith("-") else 1])


def help_text(command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    shown = subprocess.run(["pulumi", *command, "--help"], env=environment, capture_output=True, text=True, check=True)
    return shown.stdout
