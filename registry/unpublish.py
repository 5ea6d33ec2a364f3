"""Taking back what was published, within a policy, or by force.

The policy is npm's (docs.npmjs.com/policies/unpublish): within 72 hours, and while nothing here depends on it. Nothing
is deleted: readers are refused it, and the objects are kept under `quarantine/` for whoever has to look into them.
"""

from __future__ import annotations

from registry import RegistryError, amend
from registry.catalog.artifact import Artifact, Change, Fact, Known
from registry.catalog.facts import Facts
from registry.clock import now, seconds_of
from registry.ecosystems import images, npm, simple
from registry.ecosystems.npm import depends_on
from registry.ecosystems.packages import Reference
from registry.ecosystems.packument import NpmPackage, attestations_key, listed_versions
from registry.target import Target

HOURS = 72
_MOST_NAMED = 3


def unpublished(target: Target, reference: Reference, *, force: bool) -> Artifact:
    """The change that takes a version back for good: its name and number are never used again.

    Raises RegistryError where the policy forbids it, unless `force`.
    """
    known = amend.known_of(target, reference)
    names = amend.releases(known, reference)
    if not force:
        _refuse_old(reference, known, names)
        _refuse_needed(target, reference, known)
    facts = [Fact(f"unpublished#{name}", {}) for name in names]
    withdrawn = [key for name in names for key in _keys(reference, known, name)]
    return Artifact(str(reference), [], [Change(reference.package, facts)], withdrawn=withdrawn)


def _refuse_old(reference: Reference, known: Known, names: list[str]) -> None:
    kind = {"npm": "version", "pypi": "file", "oci": "manifest"}[reference.ecosystem]
    age = seconds_of(now()) - min(seconds_of(known.written[f"{kind}#{name}"]) for name in names)
    if age > HOURS * 3600:
        instead = {"npm": "deprecate it", "pypi": "yank it", "oci": "take its tag off"}[reference.ecosystem]
        raise RegistryError(
            f"{reference}: was published {age / 3600:.0f} hours ago, and may be relied upon after {HOURS}; {instead} "
            "instead, or take it back with --force"
        )


def _refuse_needed(target: Target, reference: Reference, known: Known) -> None:
    needing = _dependents(target, reference) if reference.ecosystem == "npm" else _tagged(reference, known)
    if needing:
        more = f" and {len(needing) - _MOST_NAMED} more" if len(needing) > _MOST_NAMED else ""
        raise RegistryError(
            f"{reference}: is needed by {', '.join(needing[:_MOST_NAMED])}{more}; change these first, or take it back "
            "with --force"
        )


def _dependents(target: Target, reference: Reference) -> list[str]:
    """Packages here, a listed version of which depends on the package, whatever version of it they want."""
    facts, found = Facts(target.repository), list[str]()
    for mark in target.repository.items(npm.dependents_of(reference.name)):
        known = facts.read(NpmPackage(mark.name).partition).known
        manifests = [known.facts[f"version#{version}"]["manifest"] for version in listed_versions(known)]
        if any(reference.name in depends_on(manifest) for manifest in manifests):
            found.append(mark.name)
    return found


def _tagged(reference: Reference, known: Known) -> list[str]:
    """Of an image: manifests that refer to it, and further tags on it."""
    if reference.ecosystem != "oci":
        return []
    (digest,) = amend.releases(known, reference)
    tags = [f"tag {tag}" for tag, there in images.listed_tags(known).items() if there == digest]
    gone = known.of_kind("unpublished")
    referring = [name for name, fact in known.of_kind("manifest").items() if fact["subject"] == digest]
    others = [tag for tag in tags if tag != f"tag {reference.version}"]
    return others + [f"referrer {name}" for name in referring if name not in gone]


def _keys(reference: Reference, known: Known, name: str) -> list[str]:
    """The immutable objects of it. An image's blobs may be another one's, too, and stay."""
    if reference.ecosystem == "npm":
        tarball = f"npm/{reference.name}/-/{known.facts[f'version#{name}']['file']}"
        attested = f"attestations#{name}" in known.facts
        return [tarball, *([attestations_key(reference.name, name)] if attested else [])]
    if reference.ecosystem == "pypi":
        key = f"pypi/files/{reference.name}/{name}"
        return [key, *([f"{key}.metadata"] if simple.has_metadata(known, name) else [])]
    return [images.manifest_key(reference.name, name)]
