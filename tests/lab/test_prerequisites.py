"""The CRDs of cert-manager and External Secrets are applied once, from the pinned files only."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from automation.waiting import until
from lab import prerequisites
from lab.prerequisites import BUNDLES, FOLDER
from lab.problem import LabError
from tests.lab.conftest import LabCluster

CERTIFICATES = "certificates.cert-manager.io"
SECRETS = "externalsecrets.external-secrets.io"


def test_the_crds_are_served_and_labelled_as_a_real_installation(lab_cluster: LabCluster) -> None:
    prerequisites.install(lab_cluster.api)
    assert lab_cluster.api.get("/apis/cert-manager.io/v1/certificates")["items"] == []
    assert lab_cluster.api.get("/apis/external-secrets.io/v1/externalsecrets")["items"] == []
    crd = lab_cluster.api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CERTIFICATES}")
    assert crd["metadata"]["labels"]["app.kubernetes.io/version"] == "v1.21.1"


def test_a_second_time_applies_only_what_is_missing(lab_cluster: LabCluster) -> None:
    prerequisites.install(lab_cluster.api)
    assert prerequisites.install(lab_cluster.api) == []
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    lab_cluster.api.delete(f"{crds}/{CERTIFICATES}")
    assert until(
        lambda: CERTIFICATES not in [crd["metadata"]["name"] for crd in lab_cluster.api.metadata(crds)["items"]], 30
    )
    applied = prerequisites.install(lab_cluster.api)
    assert CERTIFICATES in applied
    assert SECRETS not in applied


def test_each_bundle_has_the_number_of_crds_that_it_says() -> None:
    for bundle in BUNDLES:
        assert len(list(prerequisites.read(bundle))) == bundle.count


def test_a_missing_file_is_named_with_its_source(tmp_path: Path) -> None:
    with pytest.raises(LabError) as error:
        list(prerequisites.read(BUNDLES[0], tmp_path))
    assert str(error.value) == (
        f"prerequisites: {tmp_path}/cert-manager-1.21.1.yaml is missing; put the CRDs of cert-manager 1.21.1 there "
        "(https://github.com/cert-manager/cert-manager/tree/v1.21.1/deploy/crds), with the digest "
        f"{BUNDLES[0].sha256}."
    )


def test_another_file_than_the_pinned_one_is_refused() -> None:
    bundle = dataclasses.replace(BUNDLES[1], sha256="0" * 64)
    with pytest.raises(LabError) as error:
        list(prerequisites.read(bundle, FOLDER))
    assert str(error.value) == (
        f"prerequisites: {FOLDER}/external-secrets-2.9.0.yaml has the digest {BUNDLES[1].sha256}, but {'0' * 64} is "
        "pinned; put the pinned file there, or review the change and pin it in lab/prerequisites.py."
    )
