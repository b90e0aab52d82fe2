"""A chart's CRDs are cut out once, and what is kept of that is used only while it is whole."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from charts import crds
from charts.pull import CACHE, Package

CRD = "kind: CustomResourceDefinition\ndescription: text\nspec: {}\n"


@pytest.fixture
def package(tmp_path: Path) -> Package:
    path = tmp_path / "tempo-1.2.3.tgz"
    with tarfile.open(path, "w:gz") as archive:
        header = tarfile.TarInfo("tempo/templates/crd-tempos.yaml")
        header.size = len(CRD)
        archive.addfile(header, io.BytesIO(CRD.encode()))
    return Package("tempo", "1.2.3", path)


def _text(package: Package) -> bytes:
    with tarfile.open(package.path) as archive:
        stream = archive.extractfile("tempo/templates/crd-tempos.yaml")
        assert stream is not None
        return stream.read()


def test_crds_are_kept_in_one_file_however_often_they_are_asked_for(package: Package, tmp_path: Path) -> None:
    kept = crds.only(package, tmp_path)
    assert crds.only(package, tmp_path) == kept
    assert list((tmp_path / CACHE).iterdir()) == [kept.path]
    assert b"CustomResourceDefinition" in _text(kept)


@pytest.mark.parametrize("damage", [b"", b"half", None], ids=["empty", "other bytes", "cut short"])
def test_a_damaged_file_is_written_again(package: Package, tmp_path: Path, damage: bytes | None) -> None:
    kept = crds.only(package, tmp_path)
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[:-1] if damage is None else damage)
    assert crds.only(package, tmp_path) == kept
    assert kept.path.read_bytes() == whole
