"""Reads the settings file `Pulumi.<stack>.yaml` of a stack, without the Pulumi engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import yaml

from stacks.config import Stack, load


class StackFileError(Exception):
    """Raised when the settings file of a stack cannot be read. The message names the file."""


def read_stack(directory: Path, environment: str) -> tuple[Stack, str]:
    """Returns the stack in the file `Pulumi.<environment>.yaml` in `directory`, and the stack's Google Cloud project.

    The project is an empty string if the file names no project. Raises StackFileError if the file cannot be read, and
    ConfigError for invalid settings.
    """
    file = directory / f"Pulumi.{environment}.yaml"
    try:
        document: Any = yaml.safe_load(file.read_text())
    except OSError as error:
        known = ", ".join(sorted(each.name.split(".")[1] for each in directory.glob("Pulumi.*.yaml")))
        raise StackFileError(f"{file}: {error.strerror}; the stacks are {known}") from None
    except yaml.YAMLError as error:
        raise StackFileError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    config: Any = cast(Any, document).get("config") if isinstance(document, dict) else None
    if not isinstance(config, dict):
        raise StackFileError(f"{file}: has no section `config`")
    settings = cast(dict[str, Any], config)
    # Pulumi passes each config value to a program as a string, and encodes objects and lists as JSON. The function
    # `load` expects this form.
    values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    return load(environment, values), values.get("gcp:project", "")
