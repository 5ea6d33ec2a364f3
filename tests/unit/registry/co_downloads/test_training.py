"""Tests the training of the model of co-downloads. The logs contain a known pair of packages that clients often install
together. Neither package depends on the other.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from registry import RegistryError
from registry.__main__ import app
from registry.catalog.audit import By
from registry.co_downloads.lists import reached
from registry.co_downloads.model import Figures, Model
from registry.co_downloads.training import Settings, Training
from registry.publish import publish
from tests.support.install_logs import Line, all_lines, id_of, line, written
from tests.support.packages import tarball
from tests.support.registry import Network, commands_use, network

__all__ = ["network"]

ROOT = Path(__file__).parents[4]
APP, PLUGIN, LIBRARY = "npm:@acme/app", "npm:@acme/plugin", "npm:library"


def trained(
    root: Path, lines: Sequence[Line], lists: Sequence[tuple[str, str]] = (), settings: Settings | None = None
) -> Model:
    return Training(written(root, lines)).train(lists, settings or Settings())


def test_a_plug_in_that_no_dependency_names_is_found_and_rare_pairs_are_not(tmp_path: Path) -> None:
    model = trained(tmp_path, all_lines(), [(APP, LIBRARY)])
    assert model.successors == {APP: ["@acme/plugin"]}
    assert (model.first_day, model.last_day) == ("2026-11-01", "2026-11-07")


def test_the_figures_are_those_of_the_held_out_week(tmp_path: Path) -> None:
    """To measure the model, the 28 installs of one week are held out of the training. Each of them requests
    `@acme/app`, so the model predicts `@acme/plugin` 28 times. 21 of the installs request `@acme/plugin`, so 21
    predictions are hits.

    `wanted` counts the requests that the model should predict. Each of the 28 installs has one such request for a
    package `noise-<number>`, and 21 installs have one for `@acme/plugin`. The first package of an install and its
    dependencies are not counted.
    """
    figures = trained(tmp_path, all_lines(), [(APP, LIBRARY)]).figures
    assert figures == Figures(installs=28, held_out_installs=28, wanted=21 + 28, predicted=28, hits=21)
    assert (figures.precision, figures.recall) == (21 / 28, 21 / 49)


def test_without_lists_the_model_contains_dependencies_too(tmp_path: Path) -> None:
    successors = trained(tmp_path, all_lines()).successors
    assert successors == {APP: ["library", "@acme/plugin"], LIBRARY: ["@acme/plugin"]}


def test_a_package_that_was_requested_before_is_not_a_successor(tmp_path: Path) -> None:
    assert PLUGIN not in trained(tmp_path, all_lines(), [(APP, LIBRARY)]).successors


def test_packages_of_the_same_second_are_successors_of_each_other(tmp_path: Path) -> None:
    lines = [{**each, "time": each["time"].replace(":05Z", ":00Z")} for each in all_lines()]
    assert trained(tmp_path, lines, [(APP, LIBRARY)]).successors == {APP: ["@acme/plugin"], PLUGIN: ["@acme/app"]}


def test_a_package_that_the_client_had_already_is_not_predicted(tmp_path: Path) -> None:
    """On one day of the week that is held out of the training, clients request `@acme/plugin` a minute before
    `@acme/app`. On this day, the model must not predict `@acme/plugin` for clients of `@acme/app`, because they already
    have it.
    """
    lines = [
        {**each, "time": "2026-11-14T08:59:00Z"} if "plugin" in each["path"] and "-14T" in each["time"] else each
        for each in all_lines()
    ]
    figures = trained(tmp_path, lines, [(APP, LIBRARY)]).figures
    assert (figures.predicted, figures.hits) == (28 - 3, 21 - 3)


def test_a_package_that_a_list_brings_is_not_predicted(tmp_path: Path) -> None:
    """In the logs of the last day, clients also request the package `kit` before `@acme/plugin`. The prefetch list of
    `kit` already contains `@acme/plugin`, so a prediction of `@acme/plugin` from `@acme/app` would bring nothing new.
    The model's figures must not count such a prediction.
    """
    lines = all_lines()
    kits = [
        {**each, "time": "2026-11-14T09:00:00Z", "path": "npm/kit/packument.json"}
        for each in lines
        if "plugin" in each["path"] and "-14T" in each["time"]
    ]
    figures = trained(tmp_path, [*lines, *kits], [(APP, LIBRARY), ("npm:kit", PLUGIN)]).figures
    assert (figures.predicted, figures.hits) == (28 - 3, 21 - 3)


@pytest.mark.parametrize(
    "settings",
    [Settings(support=22), Settings(confidence=76), Settings(held_out_days=10)],
    ids=["too few installs", "too small a share", "too short a time"],
)
def test_a_pair_below_a_limit_is_left_out(tmp_path: Path, settings: Settings) -> None:
    assert trained(tmp_path, all_lines(), [(APP, LIBRARY)], settings).successors == {}


def test_the_limits_themselves_are_enough(tmp_path: Path) -> None:
    settings = Settings(support=21, confidence=75)
    assert trained(tmp_path, all_lines(), [(APP, LIBRARY)], settings).successors == {APP: ["@acme/plugin"]}


@pytest.mark.parametrize(
    "more",
    [{"install": "prefetch"}, {"install": "-"}, {"install": None}, {"method": "HEAD"}, {"status": 404}],
    ids=lambda more: str(more),
)
def test_other_lines_count_neither_as_installs_nor_as_requests(tmp_path: Path, more: Line) -> None:
    lines = all_lines()
    others = [{**each, "path": "npm/other/packument.json", **more} for each in lines if "plugin" in each["path"]]
    assert trained(tmp_path, [*lines, *others], [(APP, LIBRARY)]).successors == {APP: ["@acme/plugin"]}


def test_projects_are_found_by_their_pages_and_files_and_apart_from_npm_packages(tmp_path: Path) -> None:
    lines = all_lines()
    for each in [each for each in lines if "/app/packument" in each["path"]]:
        lines.append({**each, "path": "pypi/simple/acme-app/index.json"})
        lines.append({**each, "time": each["time"].replace(":00Z", ":04Z"), "path": "pypi/files/acme-lib/a-1.whl"})
    assert trained(tmp_path, lines, [(APP, LIBRARY)]).successors == {
        APP: ["@acme/plugin"],
        "pypi:acme-app": ["acme-lib"],
    }


def test_an_install_with_more_than_500_packages_is_left_out(tmp_path: Path) -> None:
    lines = all_lines()
    mirrors = [
        line(day, 0, f"npm/mirrored-{number}/packument.json", id_of("mirror", day, copy))
        for number in range(501)
        for day in (1, 2, 3)
        for copy in range(10)
    ]
    assert trained(tmp_path, [*lines, *mirrors], [(APP, LIBRARY)]).successors == {APP: ["@acme/plugin"]}


def test_the_documented_tables_and_the_statements_find_the_same_as_the_command(tmp_path: Path) -> None:
    page = (ROOT / "docs/access-logs.md").read_text()
    tables = page[page.index("CREATE TABLE training AS") : page.index("```", page.index("CREATE TABLE training AS"))]
    logs = written(tmp_path, all_lines())
    with duckdb.connect() as connection:
        # docs/access-logs.md documents these column types.
        columns = {"time": "text", "method": "text", "path": "text", "status": "int", "install": "text"}
        connection.read_json(f"{logs}/*/*.json.gz", columns=columns).create_view("shield_requests")
        connection.execute(tables.replace("2026-11-20", "2026-11-08"))
        connection.execute((ROOT / "registry/co_downloads/training.sql").read_text())
        found = connection.execute("SELECT package, successor, installs, together FROM successors").fetchall()
    assert found == [("npm:%40acme/app", "npm:%40acme/plugin", 28, 21)]


def test_lists_lead_on_through_other_packages_and_end_in_a_circle() -> None:
    lists = {"a": ["b"], "b": ["c"], "c": ["a", "d"]}
    assert set(reached(["a", "d"], lambda package: lists.get(package, []))) == {("a", "b"), ("a", "c"), ("a", "d")}


def test_the_command_prints_size_recall_and_precision_and_leaves_out_dependencies(
    network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dependencies = {"between": "^1.0.0"}, {"library": "^1.0.0"}
    for name, requires in zip(("@acme/app", "between"), dependencies, strict=True):
        file = tarball(tmp_path / "p.tgz", {"name": name, "version": "1.0.0", "dependencies": requires})
        publish(network.target, [file], By("alice", "", "publish"))

    commands_use(monkeypatch, network.target)
    out = tmp_path / "model.json"
    logs = written(tmp_path, all_lines())
    arguments = ["predict", "train", "--logs", str(logs), "--stack-outputs", "outputs.json", "--out", str(out)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "trained with 28 installs, 2026-11-01 to 2026-11-07",
        f"size: packages: 1; successors: 1; bytes of {out}: {out.stat().st_size}",
        "held out: 28 installs",
        "recall: 42.9%, 21 of 49 packages that no list leads to",
        "precision: 75.0%, 21 of 28 packages predicted",
    ]
    assert Model.model_validate_json(out.read_text()).successors == {APP: ["@acme/plugin"]}


def broken(text: str) -> bytes:
    return gzip.compress(f"{json.dumps(all_lines()[0])}\n{text}\n".encode())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no file"),
        (broken('{"time":"2026-11-01T09:0'), "Malformed JSON in file"),
        (broken("[1]"), "line 2: Expected OBJECT"),
        (b"not gzip", "GZIP"),
        (gzip.compress(b'{"time":"2026-11-01T09:00:00Z","path":"npm/a/packument.json"}\n'), "shield_log_fields"),
        (broken(json.dumps(line(1, 0, "npm/a/packument.json", id_of(1), time="noon"))), "2026-11-27T09:00:00Z"),
        (broken(json.dumps(line(7, 0, "npm/a/packument.json", id_of(1)))), "no day is left to train with"),
    ],
    ids=["no logs", "cut line", "no object", "no gzip", "no installs", "no time", "too few days"],
)
def test_bad_logs_are_an_error_that_names_the_logs(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.json.gz").write_bytes(content)
    with pytest.raises(RegistryError, match=message) as error:
        Training(tmp_path).train([], Settings())
    assert str(error.value).startswith(f"logs {tmp_path}: ")
    assert "\n" not in str(error.value)
