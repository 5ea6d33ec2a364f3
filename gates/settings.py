"""Reads the YAML settings files of the plan gate, which checks Pulumi plans. An error message has one line for each
error in a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError


class SettingsError(Exception):
    """Raised when a settings file of the plan gate, which checks Pulumi plans, cannot be read or is not valid. The
    message has one line for each error.
    """


Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(file: Path, model: type[Settings]) -> Settings:
    """Returns the settings in a YAML file, validated against the pydantic model. Raises SettingsError if the file
    cannot be read or is not valid.
    """
    try:
        given: Any = yaml.safe_load(file.read_text())
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    try:
        return model.model_validate(given or {})
    except ValidationError as error:
        lines = [
            f"{file}: {'.'.join(map(str, details['loc'])) or 'the file'}: {_line(details['msg'], details['input'])}"
            for details in error.errors(include_url=False)
        ]
        raise SettingsError("\n".join(lines)) from None


def _line(message: str, given: Any) -> str:
    shown = f" (given: {given!r})" if isinstance(given, str | int | float) else ""
    return f"{message[:1].lower()}{message[1:]}{shown}"
