"""Unpublishes a version of a package if the unpublish policy allows it, or by force.

The policy is npm's (docs.npmjs.com/policies/unpublish): a version can be unpublished within 72 hours, and only while no
package in the registry depends on it. No object is deleted. The edge refuses requests for the version, and the
version's objects move to the prefix `quarantine/`, where operators can investigate them.
"""

from __future__ import annotations

from registry import RegistryError, amend
from registry.catalog.artifact import Artifact, Change, Fact, Known
from registry.catalog.facts import Facts, unpublished_version
from registry.clock import now, seconds_of
from registry.ecosystems import images, npm, simple
from registry.ecosystems.npm import depends_on
from registry.ecosystems.packages import Reference
from registry.ecosystems.packument import NpmPackage, attestations_key, listed_versions
from registry.target import Target

HOURS = 72
_MOST_NAMED = 3


def unpublished(target: Target, reference: Reference, *, force: bool) -> Artifact:
    """Returns the change that unpublishes a version. The change has new metadata records, and the keys of the objects
    to withdraw.

    The version can never be published again. Raises RegistryError for an unknown version. Also raises RegistryError if
    the unpublish policy does not allow the change and `force` is false.
    """
    known = amend.known_of(target, reference)
    names = amend.releases(known, reference)
    if not force:
        _refuse_old(reference, known, names)
        _refuse_needed(target, reference, known)
    facts = [Fact(f"unpublished#{name}", {}) for name in names]
    if reference.ecosystem == "pypi":
        facts.append(Fact(unpublished_version(reference.version), {}))
    withdrawn = [key for name in names for key in _keys(reference, known, name)]
    return Artifact(str(reference), [], [Change(reference.package, facts)], withdrawn=withdrawn)


def _refuse_old(reference: Reference, known: Known, names: list[str]) -> None:
    kind = {"npm": "version", "pypi": "file", "oci": "manifest"}[reference.ecosystem]
    age = seconds_of(now()) - min(seconds_of(known.written[f"{kind}#{name}"]) for name in names)
    if age > HOURS * 3600:
        instead = {"npm": "deprecate it", "pypi": "yank it", "oci": "remove its tag"}[reference.ecosystem]
        raise RegistryError(
            f"{reference}: was published {age / 3600:.0f} hours ago, and others may rely on a version after {HOURS}; "
            f"{instead} instead, or unpublish it with --force"
        )


def _refuse_needed(target: Target, reference: Reference, known: Known) -> None:
    needing = _dependents(target, reference) if reference.ecosystem == "npm" else _tagged(reference, known)
    if needing:
        more = f" and {len(needing) - _MOST_NAMED} more" if len(needing) > _MOST_NAMED else ""
        raise RegistryError(
            f"{reference}: is needed by {', '.join(needing[:_MOST_NAMED])}{more}; change these first, or unpublish it "
            "with --force"
        )


def _dependents(target: Target, reference: Reference) -> list[str]:
    """Returns the npm packages of this registry that depend on the given package. The result includes a package if at
    least one of its published versions has the dependency.
    """
    facts, found = Facts(target.repository), list[str]()
    for entry in target.repository.items(npm.dependents_of(reference.name)):
        known = facts.read(NpmPackage(entry.name).partition).known
        manifests = [known.facts[f"version#{version}"]["manifest"] for version in listed_versions(known)]
        if any(reference.name in depends_on(manifest) for manifest in manifests):
            found.append(entry.name)
    return found


def _tagged(reference: Reference, known: Known) -> list[str]:
    """Lists the tags and manifests that refer to the image to unpublish. They are other tags of the image's manifest,
    and the manifest's referrers. The list is empty for npm and PyPI.
    """
    if reference.ecosystem != "oci":
        return []
    (digest,) = amend.releases(known, reference)
    tags = [f"tag {tag}" for tag, there in images.listed_tags(known).items() if there == digest]
    gone = known.of_kind("unpublished")
    referring = [name for name, fact in known.of_kind("manifest").items() if fact["subject"] == digest]
    others = [tag for tag in tags if tag != f"tag {reference.version}"]
    return others + [f"referrer {name}" for name in referring if name not in gone]


def _keys(reference: Reference, known: Known, name: str) -> list[str]:
    """Returns the keys of the immutable objects to withdraw with a version. They do not include an image's blobs,
    because images can share blobs.
    """
    if reference.ecosystem == "npm":
        tarball = f"npm/{reference.name}/-/{known.facts[f'version#{name}']['file']}"
        attested = f"attestations#{name}" in known.facts
        return [tarball, *([attestations_key(reference.name, name)] if attested else [])]
    if reference.ecosystem == "pypi":
        key = f"pypi/files/{reference.name}/{name}"
        return [key, *([f"{key}.metadata"] if simple.has_metadata(known, name) else [])]
    return [images.manifest_key(reference.name, name)]
