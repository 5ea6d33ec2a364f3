"""Publishing, and changes to what is published."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from registry.commands import Outputs, Principal

if TYPE_CHECKING:
    from registry.catalog.artifact import Artifact
    from registry.publish import Report
    from registry.target import Target

app = typer.Typer()
tag_app = typer.Typer(no_args_is_help=True, help="Dist-tags of npm packages and tags of images.")

Release = Annotated[str, typer.Argument(help="npm:@acme/web@1.0.0, pypi:acme-greeter@1.0, oci:acme/app:1.0")]
Package = Annotated[str, typer.Argument(help="npm:@acme/web or oci:acme/app")]


@app.command()
def publish(
    files: Annotated[list[Path], typer.Argument(help="npm .tgz, .whl, sdist .tar.gz, or OCI layout directory")],
    stack_outputs: Outputs,
    repository: Annotated[str, typer.Option(help="of an image, e.g. acme/app")] = "",
    tag: Annotated[str, typer.Option(help="of an image, or dist-tag of an npm package")] = "",
    provenance: Annotated[Path | None, typer.Option(help="Sigstore bundle of how an npm package was built")] = None,
    principal: Principal = "",
) -> None:
    """Publish packages. Publishing the same bytes again changes nothing, and finishes what was interrupted."""
    from registry import caller
    from registry import publish as publishing
    from registry.target import read_target

    target = read_target(stack_outputs)
    by = caller.by(target, "publish", principal)
    report = publishing.publish(target, files, by, repository=repository, tag=tag, provenance=provenance)
    for each in report.published:
        print(f"{'published' if each.new else 'had been published:'} {each.title}")
    _tell_delay(report)


@app.command()
def deprecate(
    release: Release,
    message: Annotated[str, typer.Argument(help="what npm shows to whoever installs it; '' takes it back")],
    stack_outputs: Outputs,
    principal: Principal = "",
) -> None:
    """Have npm warn whoever installs a version."""
    from registry import amend
    from registry.ecosystems.packages import with_version

    reference = with_version(release)
    _change(stack_outputs, principal, "deprecate", lambda target: amend.deprecated(target, reference, message))


@app.command()
def yank(
    release: Release,
    stack_outputs: Outputs,
    reason: Annotated[str, typer.Option(help="what pip shows")] = "",
    principal: Principal = "",
) -> None:
    """Have pip pass a version over, unless it is asked for by ==."""
    from registry import amend
    from registry.ecosystems.packages import with_version

    reference = with_version(release)
    _change(stack_outputs, principal, "yank", lambda target: amend.yanked(target, reference, reason))


@app.command()
def unyank(release: Release, stack_outputs: Outputs, principal: Principal = "") -> None:
    """Take a yank back."""
    from registry import amend
    from registry.ecosystems.packages import with_version

    reference = with_version(release)
    _change(stack_outputs, principal, "unyank", lambda target: amend.yanked(target, reference, "", back=True))


@app.command("unpublish")
def take_back(
    release: Release,
    stack_outputs: Outputs,
    force: Annotated[bool, typer.Option(help="also where the policy refuses: too late, or something needs it")] = False,
    principal: Principal = "",
) -> None:
    """Take a version back for good: the edge refuses it, and its number is never used again."""
    from registry import unpublish
    from registry.ecosystems.packages import with_version

    reference, action = with_version(release), "unpublish --force" if force else "unpublish"
    _change(stack_outputs, principal, action, lambda target: unpublish.unpublished(target, reference, force=force))


@tag_app.command("add")
def tag_add(release: Release, tag: str, stack_outputs: Outputs, principal: Principal = "") -> None:
    """Put a tag on a version."""
    from registry import amend
    from registry.ecosystems.packages import with_version

    reference = with_version(release)
    _change(stack_outputs, principal, "tag", lambda target: amend.tagged(target, reference, tag))


@tag_app.command("rm")
def tag_rm(package: Package, tag: str, stack_outputs: Outputs, principal: Principal = "") -> None:
    """Take a tag off."""
    from registry import amend
    from registry.ecosystems.packages import parse

    reference = parse(package)
    _change(stack_outputs, principal, "untag", lambda target: amend.untagged(target, reference, tag))


@tag_app.command("ls")
def tag_ls(package: Package, stack_outputs: Outputs) -> None:
    """List tags, and what they are on."""
    from registry import amend
    from registry.ecosystems.packages import parse
    from registry.target import read_target

    for tag, release in sorted(amend.tags(read_target(stack_outputs), parse(package)).items()):
        print(f"{tag}: {release}")


@app.command()
def show(
    package: Annotated[str, typer.Argument(help="npm:@acme/web, pypi:acme-greeter or oci:acme/app")],
    stack_outputs: Outputs,
) -> None:
    """List what is published of a package, and what readers are told of it."""
    from registry import amend
    from registry.ecosystems.packages import parse
    from registry.target import read_target

    for line in amend.shown(amend.known_of(read_target(stack_outputs), parse(package))):
        print(line)


@app.command("audit")
def audit_list(
    stack_outputs: Outputs,
    since: Annotated[str, typer.Option(help="a UTC time or the start of one, such as 2026-11 or 2026-11-24T10")] = "",
) -> None:
    """List every change: when, who, as whom the cloud knew him, and what."""
    from registry.catalog import audit
    from registry.target import read_target

    for entry in audit.entries(read_target(stack_outputs).repository, audit.checked_time(since)):
        known = f" ({entry.by.caller})" if entry.by.caller else ""
        print(f"{entry.at}  {entry.by.principal}{known}  {entry.by.action}  {entry.what}")


def _change(stack_outputs: Path, principal: str, action: str, make: Callable[[Target], Artifact]) -> None:
    from registry import caller
    from registry import publish as publishing
    from registry.target import read_target

    target = read_target(stack_outputs)
    report = publishing.apply(target, [make(target)], caller.by(target, action, principal))
    for each in report.published:
        print(f"{action}: {each.title}" if each.new else f"nothing to change: {each.title}")
    _tell_delay(report)


def _tell_delay(report: Report) -> None:
    if report.delayed:
        reasons = "; ".join(report.delayed)
        sys.exit(
            f"error: done, but readers may see it late: {reasons}; finish it with: python -m registry purges drain"
        )
