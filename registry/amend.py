"""Changes tags, deprecations and yanks of published versions. The published files themselves never change."""

from __future__ import annotations

from registry import RegistryError
from registry.catalog.artifact import Artifact, Change, Fact, Known
from registry.catalog.facts import Facts
from registry.ecosystems import images, npm, oci, packument, simple
from registry.ecosystems.packages import Reference
from registry.target import Target

# One database transaction writes at most this many npm signatures. A transaction can write at most 100 items. A
# transaction with signatures also writes other items, such as the audit entry.
_SIGNED_TOGETHER = 50


def known_of(target: Target, reference: Reference) -> Known:
    """Returns the package's metadata records. Raises RegistryError when the package does not exist."""
    known = Facts(target.repository).read(reference.package.partition).known
    if not known.facts:
        raise RegistryError(f"{reference.ecosystem} {reference.name}: no such package; publish it first")
    return known


def tags(target: Target, reference: Reference) -> dict[str, str]:
    """Returns a mapping from each tag of a package to what the tag points to: a version (npm), or the digest of a
    manifest (image repository).
    """
    known = known_of(target, reference)
    _expect(reference, "npm", "oci", "tags are")
    return dict(packument.dist_tags(known)) if reference.ecosystem == "npm" else images.listed_tags(known)


def tagged(target: Target, reference: Reference, tag: str) -> Artifact:
    """Returns the change that sets a tag to a version or manifest. If the tag already points to another version or
    manifest, the change moves the tag.
    """
    _expect(reference, "npm", "oci", "tags are")
    (release,) = releases(known_of(target, reference), reference)
    fact = npm.tag_fact(tag, release) if reference.ecosystem == "npm" else oci.tag_fact(tag, release)
    return _changed(reference, f"{reference} tag {tag}", [fact])


def untagged(target: Target, reference: Reference, tag: str) -> Artifact:
    """Returns the change that removes a tag of a package. If the change removes npm's tag `latest`, the registry sets
    this tag to the highest stable version.

    Raises RegistryError when the package has no such tag.
    """
    found = tags(target, reference)
    if tag not in found:
        there = ", ".join(sorted(found)) or "none"
        raise RegistryError(f"{reference}: has no tag {tag!r}; it has {there}")
    fact = npm.tag_fact(tag, "") if reference.ecosystem == "npm" else oci.tag_fact(tag, "")
    return _changed(reference, f"{reference} tag {tag}", [fact])


def deprecated(target: Target, reference: Reference, message: str) -> Artifact:
    """Returns the change that deprecates a version: npm then prints the message as a warning when a client installs the
    version. An empty message removes the deprecation.
    """
    _expect(reference, "npm", "npm", "deprecation is")
    facts = [
        Fact(f"deprecated#{version}", {"message": message}, immutable=False)
        for version in releases(known_of(target, reference), reference)
    ]
    return _changed(reference, str(reference), facts)


def signed(target: Target, reference: Reference) -> list[Artifact]:
    """Signs every version of an npm package with the stack's current key. Returns the changes that add the signatures
    to the metadata records.

    Raises RegistryError if the stack has no key.
    """
    _expect(reference, "npm", "npm", "registry signatures are")
    known, signer = known_of(target, reference), target.npm_signer
    if signer is None:
        raise RegistryError(f"{target.environment}: has no key to sign with; create it: python -m registry keys init")
    versions = packument.listed_versions(known)
    facts = [signer.signature(reference.name, each, known.facts[f"version#{each}"]["integrity"]) for each in versions]
    parts = [facts[start : start + _SIGNED_TOGETHER] for start in range(0, len(facts), _SIGNED_TOGETHER)]
    changes = [[Change(reference.package, part), *signer.key_change()] for part in parts]
    return [Artifact(f"{reference.ecosystem} {reference.name} signatures", [], each) for each in changes]


def yanked(target: Target, reference: Reference, reason: str, *, back: bool = False) -> Artifact:
    """Returns the change that yanks a version of a Python project (PEP 592). pip then skips the version unless a
    requirement pins it with `==`. If `back` is true, the change removes the yank.
    """
    _expect(reference, "pypi", "pypi", "yanking is")
    content = {"yanked": not back, "reason": "" if back else reason}
    facts = [
        Fact(f"yanked#{filename}", content, immutable=False)
        for filename in releases(known_of(target, reference), reference)
    ]
    return _changed(reference, str(reference), facts)


def releases(known: Known, reference: Reference) -> list[str]:
    """Returns the names of a published version in the metadata records: the version (npm), the filenames (PyPI), or the
    digest of the manifest (image).

    Raises RegistryError when the version is not published or was unpublished.
    """
    if reference.ecosystem == "npm":
        found = [version for version in packument.listed_versions(known) if version == reference.version]
    elif reference.ecosystem == "pypi":
        found = simple.files_of(known, reference.version)
    else:
        digest = images.listed_tags(known).get(reference.version, reference.version)
        found = [digest] if digest in images.listed_manifests(known) else []
    if not found:
        raise RegistryError(f"{reference}: no such version is published; see: python -m registry show {reference.spec}")
    return found


def shown(known: Known) -> list[str]:
    """Returns the lines that the command `show` prints. First comes one line for each version, file or manifest of a
    package, and then one line for each tag.
    """
    lines: list[str] = []
    for version in packument.listed_versions(known):
        message = packument.deprecation(known, version)
        lines.append(f"{version}  deprecated: {message}" if message else version)
    for filename in simple.listed_files(known):
        yank = simple.yanked(known, filename)
        lines.append(f"{filename}  yanked {'' if yank is True else yank}".rstrip() if yank else filename)
    lines += [
        f"{digest}  {known.facts[f'manifest#{digest}']['mediaType']}" for digest in images.listed_manifests(known)
    ]
    on = packument.dist_tags(known) or images.listed_tags(known)
    return lines + [f"tag {tag}: {release}" for tag, release in sorted(on.items())]


def _changed(reference: Reference, title: str, facts: list[Fact]) -> Artifact:
    return Artifact(title, [], [Change(reference.package, facts)])


def _expect(reference: Reference, one: str, other: str, what: str) -> None:
    if reference.ecosystem not in (one, other):
        kinds = one if one == other else f"{one} and {other}"
        raise RegistryError(f"{reference}: {what} for {kinds} only; Python has `yank`, and npm has `deprecate`")
