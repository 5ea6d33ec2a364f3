"""Finds the files and images to import. The operator names their sources on the command line of `import`: directories,
lockfiles, packages and images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

from registry import RegistryError
from registry.catalog.artifact import sha256_of
from registry.ecosystems.oci import check_repository
from registry.ecosystems.packages import Reference, parse
from registry.ecosystems.python_names import parsed
from registry.importing import Found, LeftOut, Refused, Wanted
from registry.importing.apis import Api
from registry.importing.clients import npm_locked, npm_package, pip_indexes, pip_tree
from registry.importing.directory import wanted_in
from registry.importing.images import RemoteImage, parse_image
from registry.importing.images.carry import ImageRegistries
from registry.importing.lockfiles import package_lock, refuse_other_lockfile
from registry.importing.requirements import Pinned, requirements

# Matches a tag that refers to an image's list of referrers. Registries without the referrers API keep the list under
# such a tag (OCI Distribution Specification, "Referrers Tag Schema"). An import does not treat this tag as an image,
# because it imports the referrers together with their image.
_REFERRERS_TAG = re.compile(r"(?:sha256|sha512)-[a-f0-9]{64}")


@dataclass(frozen=True)
class Sources:
    """Finds the files and images to import in the sources that an operator names.

    `repository` is the image repository in this registry that receives the images. If it is empty, images keep the name
    of their source repository. Without `npm_registry` or `pypi_index`, the configuration of npm or pip decides where
    packages come from. `scratch` is a directory for the files that npm and pip download.
    """

    api: Api
    registries: ImageRegistries
    scratch: Path
    npm_registry: str = ""
    pypi_index: str = ""
    all_versions: bool = False
    repository: str = ""
    plain_http: bool = False

    def of(self, source: str) -> Iterator[Found]:
        """Yields the items to import from one source: a directory, a lockfile, or a package or image to download.

        Raises RegistryError if `source` names none of these.
        """
        path = Path(source)
        if path.is_file():
            refuse_other_lockfile(path)
        if path.is_dir():
            yield from wanted_in(path)
        elif path.is_file() and path.name.endswith(".json"):
            yield from self._package_lock(path) if self.npm_registry else npm_locked(path, self.scratch)
        elif path.is_file():
            yield from self._requirements(path)
        elif source.startswith("oci:"):
            yield from self._images(parse_image(source, plain_http=self.plain_http))
        else:
            yield from or_refused(source, self._package(parse(source)))

    def _package(self, reference: Reference) -> Iterator[Found]:
        named, every = (reference.name, reference.version), self.all_versions
        if reference.ecosystem == "pypi":
            return self.api.pypi(self._indexes, *named, all_versions=every)
        if self.npm_registry:
            return self.api.npm(self._npm, *named, all_versions=every)
        return npm_package(*named, self.scratch, all_versions=every)

    def _package_lock(self, file: Path) -> Iterator[Found]:
        for each in package_lock(file, self._npm):
            if isinstance(each, Wanted) and not each.digest:
                name, _, version = each.spec.rpartition("@")
                yield from or_refused(each.spec, self.api.npm(self._npm, name, version))
            else:
                yield each

    def _requirements(self, file: Path) -> Iterator[Found]:
        for each in requirements(file):
            if isinstance(each, Pinned):
                found = self.api.pypi(self._indexes, each.name, each.version, hashes=each.hashes)
                yield from or_refused(f"pypi:{each.name}", found)
            else:
                yield each

    def resolved_by_pip(self, specs: Sequence[str]) -> Iterator[Found]:
        """Yields the Python distributions that pip resolves and downloads. Adds facts that pip does not report, such as
        the upload time of a file. These facts come from the simple index.
        """
        for each in pip_tree(specs, self.scratch / "pip"):
            yield self._with_listing(each) if isinstance(each, Wanted) else each

    def _with_listing(self, wanted: Wanted) -> Wanted:
        """Returns a copy of `wanted`, a distribution that pip has downloaded, with what the simple index states about
        its file, such as the upload time. pip does not report this information.
        """
        project, digest = parsed(wanted.filename).project, sha256_of(cast(Path, wanted.location))
        try:
            listed = self.api.pypi_files(self._indexes, project)
        except RegistryError as error:
            return replace(wanted, left_out=(f"its upload time and yank: {error}",))
        for file in listed:
            if file.filename == wanted.filename and digest == file.hashes.get("sha256"):
                spec = f"{project} {file.filename}"
                return replace(
                    wanted,
                    project=project,
                    digest=f"sha256:{digest}",
                    spec=spec,
                    listing=file.listing,
                    left_out=file.left_out,
                )
        return replace(wanted, left_out=("its upload time and yank: no index of pip lists the file",))

    @cached_property
    def _npm(self) -> str:
        """The URL of the npm registry, without credentials."""
        return self.api.without_credentials(self.npm_registry)

    @cached_property
    def _indexes(self) -> list[str]:
        return [self.pypi_index] if self.pypi_index else pip_indexes()

    def _images(self, image: RemoteImage) -> Iterator[Found]:
        repository = self.repository or image.repository
        check_repository(repository)
        if self.all_versions and (image.tag or image.digest):
            raise RegistryError(
                f"{image}: names one image; leave out its tag or digest to import all tags, or leave out --all-versions"
            )
        there = self.registries.repository(image)
        if not self.all_versions:
            named = image if image.tag or image.digest else replace(image, tag="latest")
            yield from or_refused(str(named), self._image(named, repository))
            return
        try:
            tags = list(there.tags())
            if not tags:
                yield LeftOut(str(image), "the registry lists no tag of it", "repository without tags")
            for tag in tags:
                if not _REFERRERS_TAG.fullmatch(tag):
                    named = replace(image, tag=tag)
                    yield from or_refused(str(named), self._image(named, repository))
        except RegistryError as error:
            yield Refused(str(image), str(error))

    def _image(self, image: RemoteImage, repository: str) -> Iterator[Found]:
        digest = image.digest or self.registries.repository(image).digest(image.tag)
        yield Wanted("oci", image, "", digest, repository=repository, tag=image.tag)


def or_refused(title: str, found: Iterator[Found]) -> Iterator[Found]:
    """Yields the items of one source. If the source fails, yields an item that counts as failed, so that the import
    continues with the other sources.
    """
    try:
        yield from found
    except RegistryError as error:
        yield Refused(title, str(error))
