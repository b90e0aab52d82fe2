"""Cut a chart down to its CRDs, and those to what the API server needs."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
from pathlib import Path

from charts.pull import CACHE, Package, store
from settings.load import ROOT

FOLDER = "conf/crds"
"""Where opentelemetry-operator keeps its CRDs: Helm templates, but not in the folder of templates."""
TEMPLATE = f"""{{{{- range $path, $content := .Files.Glob "{FOLDER}/*.yaml" }}}}
---
{{{{ tpl (toString $content) $ }}}}
{{{{- end }}}}
"""
_KEPT = ("Chart.yaml", "values.yaml", "values.schema.json", "templates/_helpers.tpl")
_CRD = re.compile(r"(?:^|/)crd-[^/]+\.yaml$")
_DESCRIPTION = re.compile(r"^( +)description: \S")
"""A description of something; a property that is itself called `description` has nothing behind the colon."""


def only(package: Package, root: Path = ROOT) -> Package:
    """Return a package that renders a chart's CRDs and nothing else, without descriptions.

    The templates, the helpers they call and the default values are the chart's own, so that with the same release
    name, namespace and values the CRDs come out as the whole chart would have made them, down to the names of the
    conversion webhook's Service and certificate. Descriptions are two thirds of their size and mean nothing to the
    API server; every operation of the stack reads, compares and keeps all of it.

    Args:
        package: a package whose templates are CRDs, or that keeps its CRDs in `conf/crds`.
        root: folder that the cache lies below.
    """
    members = _members(package.path)
    if any(name.startswith(f"{FOLDER}/") for name in members):
        members = {name: each for name, each in members.items() if name in _KEPT or name.startswith(f"{FOLDER}/")}
        members["templates/crds.yaml"] = TEMPLATE.encode()
    for name, text in members.items():
        if _CRD.search(name):
            members[name] = without_descriptions(text.decode()).encode()
    content = _archive(package.name, members)
    digest = hashlib.sha256(content).hexdigest()
    path = root / CACHE / f"{package.name}-crds-{package.version}-{digest[:12]}.tgz"
    if not (path.is_file() and path.read_bytes() == content):
        store(path, content)
    return Package(package.name, package.version, path)


def without_descriptions(text: str) -> str:
    """Return a CRD, as a Helm template, without the descriptions in its schema."""
    kept = []
    skipped_below: int | None = None
    for line in text.splitlines(keepends=True):
        indentation = len(line) - len(line.lstrip(" "))
        if skipped_below is not None and (not line.strip() or indentation > skipped_below):
            continue
        found = _DESCRIPTION.match(line)
        skipped_below = indentation if found else None
        if not found:
            kept.append(line)
    return "".join(kept)


def _members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:gz") as archive:
        found = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive}
        return {name: stream.read() for name, stream in found.items() if stream is not None}


def _archive(chart: str, members: dict[str, bytes]) -> bytes:
    """Pack the same members into the same bytes each time: no time, no owner."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(members.items()):
            header = tarfile.TarInfo(f"{chart}/{name}")
            header.size = len(content)
            header.mode = 0o644
            archive.addfile(header, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)
