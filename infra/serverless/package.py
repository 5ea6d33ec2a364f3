"""Packs the code of a Lambda function or Cloud Run service: only the modules that its handler imports.

The same sources always give the same archive.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pulumi

# Distributions that Lambda's Python runtime includes (AWS Lambda, "Building Lambda functions with Python").
_PROVIDED = frozenset({"boto3", "botocore", "urllib3"})


@dataclass(frozen=True)
class Code:
    """The packed code of a Lambda function or Cloud Run service. `module` is the module that Lambda or Cloud Run
    starts.
    """

    module: str
    archive: pulumi.AssetArchive


def pack(root: Path, module: str, distributions: Sequence[str] = ()) -> Code:
    """Packs a module beneath `root` (such as `workers.drain.function`) with all modules that it imports.

    Imports come from `root` or from `distributions`. The argument `distributions` lists installed, pure-Python
    distributions by the names of their top-level packages. The archive contains the text of each source file and not
    its path. With paths, Pulumi's state would contain directories of this machine. Raises pulumi.RunError when an
    import would be missing at run time.
    """
    places = {name: _directory_of(name) for name in distributions}
    packed, left = dict[str, pulumi.Asset | pulumi.Archive](), [module]
    seen = set[str]()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        place = places.get(name.split(".")[0], root)
        source = _source(place, name)
        if source is None:
            continue
        text = source.read_text()
        if text:  # the archive has no empty `__init__.py`, because Python imports a directory without this file too
            packed[source.relative_to(place).as_posix()] = pulumi.StringAsset(text)
        left += _imported_names(root, places, name, source, text)
    if not packed:
        raise pulumi.RunError(f"{module}: there is no such module in {root.name}")
    return Code(module, pulumi.AssetArchive(dict(sorted(packed.items()))))


def _imported_names(root: Path, places: dict[str, Path], name: str, source: Path, text: str) -> Iterator[str]:
    """Yields the names of the modules that must be packed together with the module `name`: the modules that it imports,
    and its parent packages.

    Some of these names are not modules. For example, `from a import b` yields `a.b`, although `b` can be a function in
    the module `a`. Raises pulumi.RunError if a module of the project imports a package that the function would not
    have: a package that is neither packed nor included in the cloud's runtime.
    """
    package = name if source.name == "__init__.py" else name.rpartition(".")[0]
    parts = name.split(".")
    yield from (".".join(parts[:length]) for length in range(1, len(parts)))
    for imported in _imports_of(text, package):
        top = imported.split(".")[0]
        if top in places or (root / top).is_dir():
            yield imported
        elif top not in sys.stdlib_module_names | _PROVIDED and name.split(".")[0] not in places:
            raise pulumi.RunError(
                f"{name}: imports {top}, which a function does not have; remove the import, or "
                "name its distribution if that is pure Python"
            )


@cache
def _imports_of(text: str, package: str) -> tuple[str, ...]:
    """Returns the full names of all imports in a Python source. Most sources belong to several functions of a stack, so
    the function parses each source only once.
    """
    return tuple(_imports(ast.parse(text), package))


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Yields the full names of all imports in a Python syntax tree, except those in TYPE_CHECKING blocks."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{each.name}" for each in node.names)
        else:
            yield from _imports(node, package)


def _source(place: Path, name: str) -> Path | None:
    """Returns the source file of a Python module, or the `__init__.py` of a package. Returns None if there is no such
    file, for example because the name is an attribute of a module.
    """
    path = place.joinpath(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _directory_of(distribution: str) -> Path:
    spec = find_spec(distribution)
    if spec is None or not spec.submodule_search_locations:
        raise pulumi.RunError(f"{distribution}: is not installed; run: make setup")
    return Path(spec.submodule_search_locations[0]).parent
