"""What a kubeconfig names or holds may be missing or broken: one sentence says which file it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from preflight.kubeconfig import connect
from tests.lab.conftest import LabCluster
from tests.preflight.kubeconfigs import parts, refusal, use, write

SERVER = "https://127.0.0.1:1"
WHOLE = "allowed: what is there, may be read and is whole"


def _taken(what: str, source: Path, reason: str, config: Path) -> str:
    return (
        f"regions.us-east.cluster.context takes its {what} from {source}, which cannot be used ({reason}); {WHOLE}; "
        f"fix: write it again, or correct the user or the cluster in {config}"
    )


@pytest.mark.parametrize(
    ("cluster", "user", "key"),
    [
        ({"certificate-authority": "absent"}, {"token": "x"}, "certificate-authority"),
        ({}, {"client-certificate": "absent", "client-key": "absent"}, "client-certificate"),
        ({}, {"tokenFile": "absent"}, "tokenFile"),
    ],
)
def test_a_file_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: dict[str, Any], user: dict[str, Any], key: str
) -> None:
    config = write(tmp_path / "config", {"server": SERVER, **cluster}, user)
    use(monkeypatch, config)
    assert refusal() == _taken(key, tmp_path / "absent", "No such file or directory", config)


def test_a_folder_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = write(tmp_path / "config", {"server": SERVER, "certificate-authority": "."}, {"token": "x"})
    use(monkeypatch, config)
    assert refusal() == _taken("certificate-authority", tmp_path, "Is a directory", config)


@pytest.mark.parametrize(("inline", "reason"), [("QQ", "Incorrect padding"), ("QUFB", "")])
def test_what_is_inline_and_broken_is_named_by_its_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: str, reason: str
) -> None:
    config = write(tmp_path / "config", {"server": SERVER, "certificate-authority-data": inline}, {"token": "x"})
    use(monkeypatch, config)
    assert f"takes its certificate-authority from {config}, which cannot be used ({reason}" in refusal()


@pytest.mark.parametrize("broken", ["me.crt", "me.key"])
def test_a_key_that_is_none_is_not_taken_for_the_servers_certificate(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    server, _ = parts(kubeconfig)
    for source, name in zip(kubeconfig.api.pki.admin, ("me.crt", "me.key"), strict=True):
        (tmp_path / name).write_bytes(Path(source).read_bytes())
    (tmp_path / broken).write_text("no PEM")
    use(monkeypatch, write(tmp_path / "config", server, {"client-certificate": "me.crt", "client-key": "me.key"}))
    files = f"{tmp_path / 'me.crt'} and {tmp_path / 'me.key'}"
    assert f"takes its client-certificate and client-key from {files}, which cannot be used" in refusal()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("token: geheim\n  users: []", "ScannerError, line 2"),
        ("[geheim]", ""),
        ("geheim", ""),
        ("users: [{user: {token: geheim}}]", "KeyError"),
        ("users: [{name: x, user: geheim}]", ""),
        ("users: 5", ""),
        ("\0", "ReaderError"),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_named_and_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    config = tmp_path / "config"
    config.write_text(text)
    use(monkeypatch, config)
    sentence = refusal()
    assert sentence.startswith(
        f"regions.us-east.cluster.context is looked up in {config}, which is no kubeconfig ({reason}"
    )
    assert sentence.endswith(
        "; allowed: a file that kubectl config view --kubeconfig reads; "
        "fix: correct the file, or take it out of KUBECONFIG"
    )
    assert "geheim" not in sentence


def test_a_file_that_may_not_be_read_as_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_bytes(b"\xff\xfe\xff")
    use(monkeypatch, config)
    assert f"is looked up in {config}, which is no kubeconfig (UnicodeDecodeError)" in refusal()


@pytest.mark.parametrize("command", ["./plugin", "bin/../plugin"])
@pytest.mark.parametrize("named", ["config", "deeper/config"])
def test_a_plugin_by_a_relative_path_is_beside_the_kubeconfig(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, named: str
) -> None:
    # Named from where the process runs, once without any folder: the command must not become a word that PATH knows.
    config = tmp_path / named
    (config.parent / "bin").mkdir(parents=True)
    plugin = config.parent / "plugin"
    plugin.write_text(f'#!{sys.executable}\nprint(\'{{"status": {{"token": "mine"}}}}\')\n')
    plugin.chmod(0o700)
    server, _ = parts(kubeconfig)
    write(config, server, {"exec": {"command": command}})
    monkeypatch.chdir(tmp_path)
    use(monkeypatch, Path(named))
    with connect("made") as api:
        assert api.session.headers["Authorization"] == "Bearer mine"


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [({}, "``, which fails: "), ({"command": "true", "env": [{}]}, "`true`, which fails: KeyError")],
)
def test_a_plugin_that_is_half_described_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin: dict[str, Any], reason: str
) -> None:
    use(monkeypatch, write(tmp_path / "config", {"server": SERVER}, {"exec": {"args": ["x"], **plugin}}))
    assert f"gets its credentials from {reason}" in refusal()
