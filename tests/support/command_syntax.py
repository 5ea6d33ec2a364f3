"""Checks that a command in the documentation is valid: its syntax, its options and its arguments. Targets of `make` and
operations of the AWS CLI must exist.
"""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import botocore.session
import typer
from botocore import xform_name

from documentation.commands import PROGRAMS
from tests.support.printed_commands import CHECKOUT

_TARGETS = set(re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
# Options that every command of the AWS CLI has.
_GLOBAL = {"output", "query", "region", "profile"}
# Programs that occur in the documentation, but whose arguments this module does not check. tests/e2e/test_docs.py runs
# their commands, except for the commands in NOT_RUN of tests/support/printed_commands.py.
_OTHERS = {
    "pulumi",
    "npm",
    "pip",
    "skopeo",
    "curl",
    "jq",
    "gcloud",
    "kubectl",
    "java",
    "docker",
    "duckdb",
    "grep",
    "tar",
    ".venv/bin/pre-commit",
}
_BUILTINS = {"bash", "cd", "export", "eval", "find", "mkdir", "rm", "cp", "printf", "cat", "date", "."}


def problem(words: list[str]) -> str | None:
    """Returns a description of the mistake in a command from the documentation or from a workflow. Returns None if the
    command is valid.
    """
    program, *arguments = words
    if program in ("python", ".venv/bin/python"):
        return _python_problem(arguments)
    if program == "make":
        return None if set(arguments) <= _TARGETS else f"the Makefile has no {arguments}"
    if program == "docker" and "python" in arguments:
        return problem(arguments[arguments.index("python") :])
    # `_aws_problem` cannot check `aws s3 sync`, because this command does not correspond to an operation of the S3 API.
    if program == "aws" and arguments[:2] != ["s3", "sync"]:
        return _aws_problem(*arguments)
    return None if program in _OTHERS | _BUILTINS | {"aws"} else f"nothing checks the program {program}"


def _python_problem(arguments: list[str]) -> str | None:
    _, module, *rest = arguments
    if module in PROGRAMS:
        return _parse_problem(module, rest)
    if module == "pytest":
        paths = [each for each in rest if each.startswith("tests")]
        return next((f"{path} does not exist" for path in paths if not (CHECKOUT / path).exists()), None)
    return None if importlib.util.find_spec(module) else f"there is no module {module}"


def _parse_problem(program: str, arguments: list[str]) -> str | None:
    """Checks the arguments of a documented command with the argument parser of the program that the command runs.
    Returns the parser's error, or None for a valid command.
    """
    command: Any = typer.main.get_command(PROGRAMS[program])
    try:
        while True:
            context = command.make_context(program, list(arguments))
            remaining = [*getattr(context, "_protected_args", []), *context.args]
            if not hasattr(command, "commands") or not remaining:
                return None
            _, command, arguments = command.resolve_command(context, remaining)
    except Exception as error:
        return f"{type(error).__name__}: {getattr(error, 'message', error)}"


def _aws_problem(service: str, operation: str, *arguments: str) -> str | None:
    """Compares the options of a documented AWS command with the parameters of the operation in botocore. Returns a
    description of unknown and missing options, or None if there are none.
    """
    model = botocore.session.get_session().get_service_model({"s3api": "s3"}.get(service, service))
    found = [each for each in model.operation_names if xform_name(each, "-") == operation]
    if not found:
        return f"{service} has no operation {operation}"
    shape: Any = model.operation_model(found[0]).input_shape
    known = {xform_name(name, "-"): name for name in shape.members}
    given = {each.removeprefix("--").split("=")[0] for each in arguments if each.startswith("--")} - _GLOBAL
    unknown = given - set(known)
    missing = set(shape.required_members) - {known[name] for name in given & set(known)}
    return f"unknown {unknown}, missing {missing}" if unknown or missing else None
