"""Loads a Python program of a machine, so that a test can call its functions. These programs have no file extension."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any


def load(file: Path) -> Any:
    """Returns the program as a module. Does not run its main part."""
    loader = SourceFileLoader(file.name.replace("-", "_"), str(file))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
