"""Packages are used only with the pinned digest, from the nearest place that has them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from requests import exceptions

from charts import pull
from settings.problem import SettingsError
from tests.charts.publisher import DIGEST, OTHER, PACKAGE, index, mirrored, published, root, served


def refusal(folder: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        pull.resolve({}, root=folder)
    assert cached(folder) == [], "a refused package left something in the cache"
    return str(caught.value)


def cached(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / pull.CACHE).glob("*")) + sorted(
        path.name for path in (folder / pull.CACHE).glob(".*")
    )


@pytest.fixture
def closed() -> str:
    """The URL of a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_package_comes_from_the_public_repository_once(tmp_path: Path) -> None:
    with served(published(tmp_path / "public")) as url:
        folder = root(tmp_path / "root", url)
        package = pull.resolve({}, root=folder)["loki"]
    assert (package.name, package.version, package.path.read_bytes()) == ("loki", "1.2.3", PACKAGE)
    assert cached(folder) == [f"loki-1.2.3-{DIGEST[:12]}.tgz"]
    # The server is gone: the second time needs no network.
    assert pull.resolve({}, root=folder)["loki"] == package


def test_an_absolute_address_of_the_index_is_followed(tmp_path: Path) -> None:
    public = published(tmp_path / "public")
    with served(public) as url:
        (public / "index.yaml").write_text(index(f"{url}/packages/loki-1.2.3.tgz"), encoding="utf-8")
        assert pull.resolve({}, root=root(tmp_path / "root", url))["loki"].path.read_bytes() == PACKAGE


def test_a_package_comes_from_the_mirror_where_there_is_one(tmp_path: Path, closed: str) -> None:
    folder = root(tmp_path / "root", closed, "mirror_sha256")
    mirrored(folder)
    assert pull.resolve({}, root=folder)["loki"].path.read_bytes() == PACKAGE


def test_a_damaged_cache_is_fetched_again(tmp_path: Path, closed: str) -> None:
    folder = root(tmp_path / "root", closed, "mirror_sha256")
    mirrored(folder)
    package = pull.resolve({}, root=folder)["loki"]
    package.path.write_bytes(PACKAGE[:-1])
    assert pull.resolve({}, root=folder)["loki"].path.read_bytes() == PACKAGE


def test_another_digest_is_refused(tmp_path: Path) -> None:
    with served(published(tmp_path / "public")) as url:
        assert refusal(root(tmp_path / "root", url, digest=OTHER)) == (
            f"charts.yaml: charts.loki.versions.1.2.3.sha256 is {OTHER}, but the package came with {DIGEST}; allowed: "
            "a package with the pinned digest; fix: do not use the package; find out who changed it, and only then "
            "pin the new digest"
        )


def test_a_package_that_its_own_index_denies_is_refused(tmp_path: Path) -> None:
    with served(published(tmp_path / "public", digest=OTHER)) as url:
        assert refusal(root(tmp_path / "root", url)) == (
            f"charts.yaml: charts.loki came from {url}/ with the digest {DIGEST}; allowed: the digest of its index, "
            f"{OTHER}; fix: try again; if it stays so, tell the repository's maintainers and do not use the package"
        )


def test_an_unreachable_repository_is_refused(tmp_path: Path, closed: str) -> None:
    assert refusal(root(tmp_path / "root", closed)) == (
        f"charts.yaml: charts.loki cannot be fetched from {closed}/: no connection; allowed: a repository that can be "
        "reached, a mirror directory or a warm cache; fix: check the network, or run python -m charts pull where the "
        "repository can be reached"
    )


def test_a_slow_repository_is_refused(tmp_path: Path, closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*args: object, **options: object) -> None:
        raise exceptions.ReadTimeout

    monkeypatch.setattr("requests.get", slow)
    assert "no answer within 70 s; allowed:" in refusal(root(tmp_path / "root", closed))


def test_a_package_that_the_index_promises_in_vain_is_refused(tmp_path: Path) -> None:
    public = published(tmp_path / "public", url="gone.tgz")
    with served(public) as url:
        assert refusal(root(tmp_path / "root", url)) == (
            f"charts.yaml: charts.loki cannot be fetched from {url}/: the answer is 404; allowed: a repository that "
            "can be reached, a mirror directory or a warm cache; fix: check the network, or run python -m charts pull "
            "where the repository can be reached"
        )


@pytest.mark.parametrize("answer", ["<html>Please log in: <b>here</b></html>", "[1, 2]", "entries: [1]", "a: ["])
def test_an_answer_that_is_no_index_is_refused(tmp_path: Path, answer: str) -> None:
    public = published(tmp_path / "public")
    (public / "index.yaml").write_text(answer, encoding="utf-8")
    with served(public) as url:
        assert refusal(root(tmp_path / "root", url)) == (
            f"charts.yaml: charts.loki cannot be looked up in {url}/: its index.yaml is no chart index; allowed: a "
            "Helm chart repository; fix: correct the repository in charts.yaml, or look whether a proxy answers in "
            "its place"
        )


def test_a_version_that_is_not_published_is_refused(tmp_path: Path) -> None:
    public = published(tmp_path / "public")
    (public / "index.yaml").write_text("entries: {loki: [{version: 1.2.2, urls: [a.tgz]}]}", encoding="utf-8")
    with served(public) as url:
        assert refusal(root(tmp_path / "root", url)) == (
            f"charts.yaml: charts.loki has no version 1.2.3 in {url}/; allowed: a published version, such as 1.2.2; "
            "fix: correct the version, or the repository in charts.yaml"
        )


@pytest.mark.parametrize(("held", "shown"), [("1.2.2", "loki-1.2.2"), (None, "no version of it")])
def test_a_mirror_without_the_version_is_refused(tmp_path: Path, closed: str, held: str | None, shown: str) -> None:
    folder = root(tmp_path / "root", closed, "mirror_sha256")
    (folder / "mirror").mkdir()
    if held:
        mirrored(folder, held)
    assert refusal(folder) == (
        f"charts.yaml: charts.loki has no version 1.2.3 in the mirror mirror; allowed: {shown}; fix: put "
        "loki-1.2.3.tgz into the mirror, or remove the mirror directory to use the public repository"
    )


@pytest.mark.parametrize(("has", "lacks"), [("mirror_sha256", "sha256"), ("sha256", "mirror_sha256")])
def test_a_package_without_a_pinned_digest_is_refused(tmp_path: Path, closed: str, has: str, lacks: str) -> None:
    folder = root(tmp_path / "root", closed, has)
    if lacks == "mirror_sha256":
        mirrored(folder)
    assert refusal(folder) == (
        f"charts.yaml: charts.loki.versions.1.2.3.{lacks} is missing, so the package cannot be checked; allowed: 64 "
        "hexadecimal digits; fix: run: python -m charts pin loki 1.2.3, and review the change"
    )


def test_every_chart_that_cannot_be_had_is_named(tmp_path: Path, closed: str) -> None:
    folder = root(tmp_path / "root", closed, "mirror_sha256")
    text = (folder / "charts.yaml").read_text(encoding="utf-8")
    loki = text.partition("charts:\n")[2]
    (folder / "charts.yaml").write_text(text + loki.replace("loki", "tempo"), encoding="utf-8")
    (folder / "mirror").mkdir()
    assert [line.split()[1] for line in refusal(folder).splitlines()] == ["charts.loki", "charts.tempo"]


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "cache" / "package.tgz"
    pull.store(target, b"old")

    def broken(self: Path, target: Path) -> Path:
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="no space left"):
        pull.store(target, b"new")
    assert [(path.name, path.read_bytes()) for path in target.parent.iterdir()] == [("package.tgz", b"old")]
