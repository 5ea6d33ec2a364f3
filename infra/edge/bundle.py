"""Compiles the edge worker's TypeScript into the one JavaScript module that is deployed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pulumi

_TARGET = "es2022"
# The runtime of Cloudflare Workers provides these modules, so the bundle does not contain them. The module node:crypto
# requires the flag nodejs_compat. The flag is on by default if the compatibility date is 2026-08-04 or later
# (developers.cloudflare.com/workers/configuration/compatibility-flags).
RUNTIME_MODULES = ("cloudflare:workers", "node:crypto")


class BundleError(pulumi.RunError):
    """Raised when the edge worker cannot be compiled. The message is one line with the position and the reason."""


def compile_worker(directory: Path) -> str:
    """Returns the edge worker in `directory`, compiled to one ES module. The same sources always give the same bytes.

    Raises BundleError if the sources do not compile, or if the compiler is not installed.
    """
    compiler = directory / "node_modules" / ".bin" / "esbuild"
    if not compiler.exists():
        raise BundleError(
            f"{_shown(directory)}: node modules are missing; run `make up` or `npm ci --prefix {_shown(directory)}`"
        )
    result = subprocess.run(
        [
            compiler.resolve(),
            "src/index.ts",
            "--bundle",
            "--format=esm",
            f"--target={_TARGET}",
            *(f"--external:{module}" for module in RUNTIME_MODULES),
            # These options of the compiler shorten the code, but keep the names of functions, because the names appear
            # in stack traces.
            "--minify-whitespace",
            "--minify-syntax",
            "--log-level=error",
            "--log-limit=1",
            "--color=false",
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise BundleError(_first_error(directory, result.stderr))
    return result.stdout


def _first_error(directory: Path, report: str) -> str:
    """Returns the first error in the compiler's error output as one line, `file:line:column: message`."""
    message = re.search(r"\[ERROR\] (.+)", report)
    place = re.search(r"^\s+(\S+:\d+:\d+):$", report, re.MULTILINE)
    if message is None:
        return f"{_shown(directory)}: esbuild failed: {' '.join(report.split())}"
    return f"{_shown(directory)}/{place[1]}: {message[1]}" if place else f"{_shown(directory)}: {message[1]}"


def _shown(directory: Path) -> str:
    """Returns the path of a directory relative to the checkout, for error messages."""
    return "/".join(directory.parts[-2:])
