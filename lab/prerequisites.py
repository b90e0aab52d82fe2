"""What the platform expects a cluster to have already: the CRDs of cert-manager and External Secrets.

Only the CRDs are installed. Nothing runs pods here, so their controllers would do nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from automation.waiting import until
from lab.cluster import Api
from lab.instance import ROOT
from lab.problem import LabError

FOLDER: Final = ROOT.parent / "shared" / "crds"
"""Beside the repository, like the chart mirror."""
DIGEST_ANNOTATION: Final = "observability-platform/lab-bundle"
"""Digest of the file that a CRD came from."""
_PATH: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SECONDS: Final = 180.0
_PARALLEL: Final = 4


@dataclass(frozen=True)
class Bundle:
    """The CRDs of one product: a file, its digest, where it comes from, and the labels of a real installation."""

    name: str
    version: str
    count: int
    sha256: str
    source: str
    """Where a person gets the file; it is not fetched, since the digest of what lies there is not known here."""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """Name of the file in the folder."""
        return f"{self.name}-{self.version}.yaml"


BUNDLES: Final = (
    Bundle(
        "cert-manager",
        "1.21.1",
        6,
        "af345ef74984c6d3fa8a17bc97ed3bb410d32f675e522f16def4fd1a8a0f8657",
        "https://github.com/cert-manager/cert-manager/tree/v1.21.1/deploy/crds",
        {
            "app": "cert-manager",
            "app.kubernetes.io/name": "cert-manager",
            "app.kubernetes.io/instance": "cert-manager",
            "app.kubernetes.io/component": "crds",
            "app.kubernetes.io/version": "v1.21.1",
        },
    ),
    Bundle(
        "external-secrets",
        "2.9.0",
        25,
        "08b08d88e9522436698d6c90510b530d491081fbf92015faa7a571bb8b50bc5b",
        "https://github.com/external-secrets/external-secrets/blob/v2.9.0/deploy/crds/bundle.yaml",
        {"external-secrets.io/component": "controller"},
    ),
)


def install(api: Api, folder: Path = FOLDER) -> list[str]:
    """Apply what is missing of the CRDs, wait until the API server serves them, and return the names applied.

    Each is applied on the server side, since two of them exceed what a client-side apply can keep in its annotation.
    A bundle whose CRDs all carry its digest costs one small request (reading the files alone takes a second).

    Raises:
        LabError: a file is missing or is not the pinned one, or the API server refuses.
    """
    present = Counter(
        crd["metadata"].get("annotations", {}).get(DIGEST_ANNOTATION) for crd in api.metadata(_PATH)["items"] or ()
    )
    missing = [bundle for bundle in BUNDLES if present[bundle.sha256] != bundle.count]
    manifests = [manifest for bundle in missing for manifest in read(bundle, folder)]
    with ThreadPoolExecutor(_PARALLEL) as pool:
        applied = list(pool.map(lambda crd: api.apply(_path(crd), crd), manifests))
    for crd in applied:
        _wait(api, crd)
    return sorted(str(crd["metadata"]["name"]) for crd in applied)


def read(bundle: Bundle, folder: Path = FOLDER) -> Iterator[dict[str, Any]]:
    """Return the CRDs of a bundle, labelled.

    Raises:
        LabError: the file is missing, or is not the pinned one.
    """
    file = folder / bundle.file
    if not file.is_file():
        raise LabError(
            f"prerequisites: {file} is missing; put the CRDs of {bundle.name} {bundle.version} there "
            f"({bundle.source}), with the digest {bundle.sha256}."
        )
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != bundle.sha256:
        raise LabError(
            f"prerequisites: {file} has the digest {digest}, but {bundle.sha256} is pinned; "
            "put the pinned file there, or review the change and pin it in lab/prerequisites.py."
        )
    for manifest in yaml.load_all(content, yaml.CSafeLoader):
        if manifest is not None:
            metadata = manifest["metadata"]
            metadata.setdefault("annotations", {})[DIGEST_ANNOTATION] = bundle.sha256
            metadata["labels"] = {**bundle.labels, **metadata.get("labels", {})}
            yield manifest


def _wait(api: Api, crd: Mapping[str, Any]) -> None:
    if not _established(crd) and not until(lambda: _established(api.get(_path(crd))), _SECONDS):
        name = crd["metadata"]["name"]
        raise LabError(f"prerequisites: {name} is not established after {_SECONDS:.0f} s; run up again.")


def _path(crd: Mapping[str, Any]) -> str:
    return f"{_PATH}/{crd['metadata']['name']}"


def _established(crd: Mapping[str, Any]) -> bool:
    # The list of conditions is null for a moment after the creation.
    conditions = crd.get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)
