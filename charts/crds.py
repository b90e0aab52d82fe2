"""Cut a chart down to its CRDs, for charts that keep them among their other templates."""

from __future__ import annotations

import gzip
import hashlib
import io
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


def only(package: Package, root: Path = ROOT) -> Package:
    """Return a package that renders a chart's CRDs and nothing else.

    The templates, the helpers they call and the default values are the chart's own, so that with the same release
    name, namespace and values the CRDs come out as the whole chart would have made them, down to the names of the
    conversion webhook's Service and certificate.

    Args:
        package: a package that keeps its CRDs in `conf/crds`.
        root: folder that the cache lies below.
    """
    members = {**_members(package.path), "templates/crds.yaml": TEMPLATE.encode()}
    content = _archive(package.name, members)
    digest = hashlib.sha256(content).hexdigest()
    path = root / CACHE / f"{package.name}-crds-{package.version}-{digest[:12]}.tgz"
    if not path.is_file():
        store(path, content)
    return Package(package.name, package.version, path)


def _members(path: Path) -> dict[str, bytes]:
    kept = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            inner = member.name.partition("/")[2]
            if inner in _KEPT or inner.startswith(f"{FOLDER}/"):
                content = archive.extractfile(member)
                if content is not None:
                    kept[inner] = content.read()
    return kept


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
