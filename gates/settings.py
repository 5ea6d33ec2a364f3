"""YAML files with settings of the gates, checked whole: what is wrong is said in one line each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError


class SettingsError(Exception):
    """A file of settings cannot be used; a line for each thing that is wrong."""


Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(file: Path, model: type[Settings]) -> Settings:
    """The settings in the file. Raises SettingsError."""
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
            f"{file}: {'.'.join(map(str, details['loc'])) or 'the file'}: {_said(details['msg'], details['input'])}"
            for details in error.errors(include_url=False)
        ]
        raise SettingsError("\n".join(lines)) from None


def _said(message: str, given: Any) -> str:
    shown = f" (given: {given!r})" if isinstance(given, str | int | float) else ""
    return f"{message[:1].lower()}{message[1:]}{shown}"
