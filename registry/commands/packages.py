"""Commands that publish packages, and commands that change published packages."""

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
TagName = Annotated[str, typer.Argument(help="name of the tag, such as next")]


@app.command()
def publish(
    files: Annotated[list[Path], typer.Argument(help="npm .tgz, wheel, sdist, or OCI layout directory")],
    stack_outputs: Outputs,
    repository: Annotated[str, typer.Option(help="repository to publish an image to, e.g. acme/app")] = "",
    tag: Annotated[str, typer.Option(help="tag of an image, or dist-tag of an npm package")] = "",
    provenance: Annotated[
        Path | None, typer.Option(help="Sigstore bundle with the provenance of an npm package")
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict/--as-installers",
            help="check Python files against PyPI's rules for new uploads, instead of what pip and uv install",
            envvar="ARTIFACT_EDGE_STRICT",
        ),
    ] = False,
    principal: Principal = "",
) -> None:
    """Publish packages. After an interruption, run the same command again. It does not change files that are already
    published.
    """
    from registry import caller
    from registry import publish as publishing
    from registry.target import read_target

    target = read_target(stack_outputs)
    by = caller.by(target, "publish", principal)
    report = publishing.publish(target, files, by, repository=repository, tag=tag, provenance=provenance, strict=strict)
    for each in report.published:
        print(f"{'published' if each.new else 'already published:'} {each.title}")
    for title, reason in report.left_out:
        print(f"left out: {title}: {reason}", file=sys.stderr)
    report_delay(report)


@app.command()
def deprecate(
    release: Release,
    message: Annotated[str, typer.Argument(help="warning that npm shows on installation; '' removes the deprecation")],
    stack_outputs: Outputs,
    principal: Principal = "",
) -> None:
    """Deprecate a version of an npm package: npm warns everyone who installs the version."""
    from registry import amend
    from registry.ecosystems.packages import with_version

    reference = with_version(release)
    _change(stack_outputs, principal, "deprecate", lambda target: amend.deprecated(target, reference, message))


@app.command()
def sign(
    package: Annotated[str, typer.Argument(help="npm package, e.g. npm:@acme/web")],
    stack_outputs: Outputs,
    principal: Principal = "",
) -> None:
    """Sign all versions of an npm package with the current key. The commands `publish` and `import` already sign new
    versions.
    """
    from registry import amend, caller
    from registry import publish as publishing
    from registry.ecosystems.packages import parse
    from registry.target import read_target

    target = read_target(stack_outputs)
    report = publishing.apply(target, amend.signed(target, parse(package)), caller.by(target, "sign", principal))
    new = any(each.new for each in report.published)
    print(f"signed: {package}" if new else f"nothing to change: {package}")
    report_delay(report)


@app.command()
def yank(
    release: Release,
    stack_outputs: Outputs,
    reason: Annotated[str, typer.Option(help="reason that pip shows")] = "",
    principal: Principal = "",
) -> None:
    """Yank a version: pip skips it unless a requirement pins it with ==."""
    from registry import amend
    from registry.ecosystems.packages import with_version

    reference = with_version(release)
    _change(stack_outputs, principal, "yank", lambda target: amend.yanked(target, reference, reason))


@app.command()
def unyank(release: Release, stack_outputs: Outputs, principal: Principal = "") -> None:
    """Remove the yank of a version. pip can then select the version again."""
    from registry import amend
    from registry.ecosystems.packages import with_version

    reference = with_version(release)
    _change(stack_outputs, principal, "unyank", lambda target: amend.yanked(target, reference, "", back=True))


@app.command("unpublish")
def take_back(
    release: Release,
    stack_outputs: Outputs,
    force: Annotated[
        bool, typer.Option(help="unpublish even if the version is older than 72 hours or other packages need it")
    ] = False,
    principal: Principal = "",
) -> None:
    """Unpublish a version permanently: the edge refuses it, and its number can never be published again."""
    from registry import unpublish
    from registry.ecosystems.packages import with_version

    reference, action = with_version(release), "unpublish --force" if force else "unpublish"
    _change(stack_outputs, principal, action, lambda target: unpublish.unpublished(target, reference, force=force))


@tag_app.command("add")
def tag_add(release: Release, tag: TagName, stack_outputs: Outputs, principal: Principal = "") -> None:
    """Set a tag of a package to a version."""
    from registry import amend
    from registry.ecosystems.packages import with_version

    reference = with_version(release)
    _change(stack_outputs, principal, "tag", lambda target: amend.tagged(target, reference, tag))


@tag_app.command("rm")
def tag_rm(package: Package, tag: TagName, stack_outputs: Outputs, principal: Principal = "") -> None:
    """Remove a tag of a package."""
    from registry import amend
    from registry.ecosystems.packages import parse

    reference = parse(package)
    _change(stack_outputs, principal, "untag", lambda target: amend.untagged(target, reference, tag))


@tag_app.command("ls")
def tag_ls(package: Package, stack_outputs: Outputs) -> None:
    """List a package's tags with their versions or digests."""
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
    """List a package's published versions and tags, with deprecations and yanks."""
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
    """List the audit log. Each entry has a time, principal, cloud identity, action and package."""
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
    report_delay(report)


def report_delay(report: Report) -> None:
    if report.delayed:
        reasons = "; ".join(report.delayed)
        sys.exit(
            f"error: committed, but not delivered to readers: {reasons}; deliver with: python -m registry purges drain"
        )
