"""The model of co-downloads, which predicts the packages that clients install together, and the file that stores the
trained model.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from registry import RegistryError


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figures(_Part):
    """How well the model predicts the installs on the held-out days, which it was not trained on. A package counts once
    for each install.

    `wanted` counts packages that clients requested after another package of the install, and that no list in an earlier
    document contains. `predicted` counts packages that the model would have prefetched. `hits` counts packages that are
    both wanted and predicted.
    """

    installs: int
    held_out_installs: int
    wanted: int
    predicted: int
    hits: int

    @property
    def recall(self) -> float | None:
        """How large a share of the wanted packages the model predicts. None if clients wanted no package."""
        return self.hits / self.wanted if self.wanted else None

    @property
    def precision(self) -> float | None:
        """How large a share of the predicted packages clients requested. None if the model predicts nothing."""
        return self.hits / self.predicted if self.predicted else None


class Model(_Part):
    """A model of what clients request after a package in the same install.

    `successors` maps a package, such as `npm:@acme/web`, to the names of packages of the same ecosystem, the most
    frequent first. `first_day` and `last_day` are the first and last day of the logs that the model was trained on.
    These days exclude the days that were held out to test the model.
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
