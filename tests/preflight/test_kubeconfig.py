from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from preflight.kubeconfig import UnusableError, connect
from settings import names
from tests.lab.conftest import LabCluster
from tests.preflight.kubeconfigs import parts, refusal, use, write

VERSION = "/version"


def _minor(context: str) -> str:
    with connect(context) as api:
        return str(api.get(VERSION).body["minor"])


def test_inline_certificates_are_used_and_gone_afterwards(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with connect("test") as api:
        assert api.get(VERSION).status == 200
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
        assert modes == {0o600}
    assert list(tmp_path.iterdir()) == []


def test_files_are_found_beside_the_kubeconfig(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = parts(kubeconfig)
    pki = kubeconfig.api.pki
    for source, name in ((pki.authority, "ca.crt"), (pki.admin[0], "me.crt"), (pki.admin[1], "me.key")):
        (tmp_path / name).write_bytes(Path(source).read_bytes())
    user = {"client-certificate": "me.crt", "client-key": "me.key"}
    path = write(tmp_path / "config", {"server": server["server"], "certificate-authority": "ca.crt"}, user)
    use(monkeypatch, path)
    assert _minor("made") == "36"


def test_a_credential_plugin_is_asked_as_kubectl_asks_it(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = parts(kubeconfig)
    certificate, key = kubeconfig.api.pki.admin
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "import json, os, pathlib, sys\n"
        "asked = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "assert asked['spec'] == {'interactive': False} and os.environ['PROFILE'] == 'ops'\n"
        "read = lambda path: pathlib.Path(path).read_text()\n"
        "status = {'clientCertificateData': read(sys.argv[1]), 'clientKeyData': read(sys.argv[2])}\n"
        "print(json.dumps({**asked, 'status': status}))\n"
    )
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(plugin), str(certificate), str(key)],
            "env": [{"name": "PROFILE", "value": "ops"}],
        }
    }
    use(monkeypatch, write(tmp_path / "config", server, user))
    with connect("made") as api:
        assert api.get("/api/v1/namespaces/kube-system").status == 200


def test_a_credential_plugin_that_fails_is_said_with_its_own_words(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = parts(kubeconfig)
    script = "import sys; sys.exit('session expired')"
    user = {"exec": {"command": sys.executable, "args": ["-c", script]}}
    use(monkeypatch, write(tmp_path / "config", server, user))
    assert refusal("made") == (
        f"regions.us-east.cluster.context gets its credentials from `{sys.executable}`, which fails: session expired; "
        "allowed: a credential plugin that works; fix: see it fail by hand: kubectl --context made get --raw /version"
    )


def test_a_token_the_server_does_not_know_is_a_sentence(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = parts(kubeconfig)
    (tmp_path / "token").write_text("stale\n")
    use(monkeypatch, write(tmp_path / "config", server, {"tokenFile": "token"}))
    assert refusal("made") == (
        f"regions.us-east.cluster.context leads to {server['server']}, which answers HTTP 401 to GET "
        "/api/v1/namespaces/kube-system; "
        "allowed: a user that may administer the cluster; "
        "fix: sign in again, or give the user access to the cluster"
    )


def test_a_context_that_is_not_there_is_answered_with_those_that_are(kubeconfig: LabCluster) -> None:
    assert refusal("prod-us-east") == (
        "regions.us-east.cluster.context is 'prod-us-east', which is no context of the kubeconfig; allowed: test; "
        "fix: correct it, or write the context: aws eks update-kubeconfig --name CLUSTER --alias prod-us-east"
    )


def test_a_context_without_its_cluster_or_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, write(tmp_path / "config", None, {"token": "x"}))
    assert "is 'made', whose cluster or user the kubeconfig lacks" in refusal("made")


def test_no_kubeconfig_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path / "absent")
    with pytest.raises(UnusableError) as error, connect("any"):
        pass
    assert error.value.allowed == "none: there is no kubeconfig, or it is empty"


def test_the_first_of_several_files_wins(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, user = parts(kubeconfig)
    first = write(tmp_path / "first", server, user)
    second = write(tmp_path / "second", {"server": "https://127.0.0.1:1"}, {"token": "x"})
    use(monkeypatch, first, second)
    assert _minor("made") == "36"


def test_a_server_that_does_not_answer_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, write(tmp_path / "config", {"server": "https://127.0.0.1:1"}, {"token": "x"}))
    assert refusal("made") == (
        "regions.us-east.cluster.context leads to https://127.0.0.1:1, which does not answer (ConnectionError); "
        "allowed: an API server that answers within 5 s; fix: check the network, the VPN and that the cluster runs"
    )


def test_a_certificate_that_the_kubeconfig_does_not_trust_is_a_sentence(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = parts(kubeconfig)
    use(monkeypatch, write(tmp_path / "config", {"server": server["server"]}, {"token": "x"}))
    assert f"leads to {server['server']}, whose certificate is not the one the kubeconfig trusts" in refusal("made")


def test_the_environments_certificates_and_passwords_do_not_win_over_the_kubeconfig(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    assert _minor("test") == "36"


@pytest.mark.parametrize(("name", "reached"), [("localhost", True), ("other.example.com", False)])
def test_the_certificate_of_another_name_can_be_expected(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reached: bool
) -> None:
    server, user = parts(kubeconfig)
    use(monkeypatch, write(tmp_path / "config", {**server, "tls-server-name": name}, user))
    with connect("made") as api:
        if reached:
            assert api.get(f"/api/v1/namespaces/{names.NAMESPACE}").status in (200, 404)
        else:
            with pytest.raises(UnusableError):
                api.get(VERSION)


def test_what_a_plugin_prints_is_never_shown(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = parts(kubeconfig)
    (tmp_path / "answer").write_text(json.dumps({"status": "k8s-aws-v1.token"}))
    user = {"exec": {"command": "cat", "args": [str(tmp_path / "answer")]}}
    use(monkeypatch, write(tmp_path / "config", server, user))
    assert refusal("made") == (
        "regions.us-east.cluster.context gets its credentials from `cat`, which fails: ValueError; "
        "allowed: a credential plugin that works; fix: see it fail by hand: kubectl --context made get --raw /version"
    )
