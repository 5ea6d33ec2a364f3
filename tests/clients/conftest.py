"""Collects the verdict of each client test, and writes or checks docs/clients.md when the tests are over."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.clients import matrix, published_packages
from tests.clients.published_packages import Packages
from tests.support.sandbox.up import Up

_run: dict[matrix.Cell, str] = {}
_reasons = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-matrix", action="store_true", help="write docs/clients.md from the verdicts of this run")


@pytest.fixture
def refused(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Provides a function that records why a client cannot do the tested action. After a call of this function, the
    test continues and can pass.
    """

    def record(reason: str) -> None:
        request.node.stash[_reasons] = reason

    return record


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    cell = matrix.cell_of(item)
    if cell and report.skipped:
        # For a skipped test, `longrepr` is a tuple of the path of the test's file, the line number and the reason.
        longrepr: Any = report.longrepr
        _run[cell] = matrix.no(str(longrepr[2]).removeprefix("Skipped: "))
    elif cell and report.when == "call" and report.passed:
        reason = item.stash.get(_reasons, "")
        _run[cell] = matrix.no(reason) if reason else matrix.YES
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """With `--write-matrix`, writes the test results to docs/clients.md. Otherwise fails the test run if a result
    differs from the page.
    """
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) or not _run:
        return
    config = session.config
    page = matrix.parse(matrix.PAGE.read_text()) if matrix.PAGE.exists() else {}
    if config.getoption("--write-matrix", default=False):
        matrix.PAGE.write_text(matrix.render(matrix.merged(page, _run)))
        return
    wrong = matrix.differences(page, _run) + (matrix.stale(page, _run) if _runs_all(config) else [])
    if wrong:
        print("", "docs/clients.md is not current; run: make clients-page", *wrong, sep="\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _runs_all(config: pytest.Config) -> bool:
    """Returns whether a test run includes all tests of tests/clients."""
    selects = config.getoption("markexpr") or config.getoption("keyword")
    return not selects and any(Path(argument).name == "clients" for argument in config.args)


@pytest.fixture(scope="session")
def packages(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Publishes the test packages in the sandbox (the emulated clouds on this machine) once, for all tests of package
    clients.
    """
    return published_packages.publish(up, tmp_path_factory.mktemp("packages"))
