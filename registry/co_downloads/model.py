"""The model of co-downloads, which predicts packages that clients request in the same install. Also reads and writes
the file that stores a trained model.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from registry import RegistryError


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figures(_Part):
    """Shows how well the model predicts the installs on the held-out days. The training does not use these days. A
    package counts once for each install.

    `wanted` is the number of packages that clients requested after another package of the same install. It leaves out
    dependencies. `predicted` is the number of packages that the model would have prefetched. `hits` is the number of
    packages that were both wanted and predicted.
    """

    installs: int
    held_out_installs: int
    wanted: int
    predicted: int
    hits: int

    @property
    def recall(self) -> float | None:
        """The recall of the model: the fraction of the packages that the model should predict (`wanted`) and does
        predict. None if there are no such packages.
        """
        return self.hits / self.wanted if self.wanted else None

    @property
    def precision(self) -> float | None:
        """The share of the predicted packages that clients requested. None if the model predicts nothing."""
        return self.hits / self.predicted if self.predicted else None


class Model(_Part):
    """A model that predicts what clients request after a package in the same install.

    `successors` maps a package, such as `npm:@acme/web`, to the names of packages of the same ecosystem. The most
    frequent package comes first. `first_day` and `last_day` are the first and the last day of the logs that trained the
    model. The held-out days, which test the model, are later.
    """

    format: int = Field(1, ge=1, le=1)
    first_day: str
    last_day: str
    figures: Figures
    successors: dict[str, list[str]]


def write(model: Model, file: Path) -> None:
    try:
        file.write_text(model.model_dump_json(indent=1) + "\n")
    except OSError as error:
        raise RegistryError(f"model {file}: cannot be written: {error}") from None


def read(file: Path) -> Mapping[str, Sequence[str]]:
    """Returns the successors of each package, that is, the packages that clients request next. `file` is a JSON file
    that the command `predict train` writes, or a CSV file that Athena exports from the table `successors` of
    `training.sql`. Raises RegistryError for any other file.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise RegistryError(f"model {file}: cannot be read: {error}") from None
    if file.suffix == ".csv":
        return by_package(_pairs_in(text, file))
    try:
        return Model.model_validate_json(text).successors
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in detail["loc"]) or "the text"
        raise RegistryError(f"model {file}: {place}: {detail['msg'].lower()}; train it anew") from None


def by_package(pairs: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    """Maps each package to the packages that clients request next. `pairs` are rows of the table `successors`. In these
    rows, names are percent-encoded, such as `npm:%40acme/web`.
    """
    found: dict[str, list[str]] = {}
    for package, successor in pairs:
        found.setdefault(unquote(package), []).append(unquote(successor).partition(":")[2])
    return found


def _pairs_in(text: str, file: Path) -> Iterator[tuple[str, str]]:
    """Yields the package pairs in a CSV file, the most frequent pairs first."""
    try:
        names, *rows = csv.reader(text.splitlines(), strict=True)
        package, successor, together = (names.index(name) for name in ("package", "successor", "together"))
        for row in sorted(rows, key=lambda row: -int(row[together])):
            yield row[package], row[successor]
    except (csv.Error, IndexError, ValueError):
        raise RegistryError(f"model {file}: is no CSV file with the columns package, successor and together") from None
