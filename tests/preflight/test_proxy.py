"""A cluster behind a bastion is reached by way of a proxy, as kubectl reaches it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from preflight.kubeconfig import connect
from tests.lab.conftest import LabCluster
from tests.preflight.kubeconfigs import parts, refusal, use, write
from tests.preflight.servers import socks_proxy

BEHIND = "https://api.behind.invalid:6443"


@pytest.mark.parametrize("by", ["kubeconfig", "environment"])
def test_a_socks_proxy_looks_the_servers_name_up(
    kubeconfig: LabCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    server, user = parts(kubeconfig)
    address = urlsplit(server["server"])
    with socks_proxy((str(address.hostname), int(address.port or 0))) as (proxy, asked):
        cluster = {**server, "server": BEHIND, "tls-server-name": "localhost"}
        if by == "kubeconfig":
            cluster["proxy-url"] = proxy
        else:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
        use(monkeypatch, write(tmp_path / "config", cluster, user))
        with connect("made") as api:
            assert api.get("/version").body["minor"] == "36"
    assert asked == ["api.behind.invalid"]


@pytest.mark.parametrize(
    ("server", "proxy", "reason"),
    [
        (BEHIND, "ssh://bastion", "InvalidURL"),
        (BEHIND, "http://", "InvalidProxyURL"),
        ("api.behind.invalid", None, "MissingSchema"),
        ("ftp://api.behind.invalid", None, "InvalidSchema"),
    ],
)
def test_an_address_that_is_none_is_no_matter_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, proxy: str | None, reason: str
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    cluster = {"server": server, **({"proxy-url": proxy} if proxy else {})}
    use(monkeypatch, write(tmp_path / "config", cluster, {"token": "x"}))
    assert refusal() == (
        f"regions.us-east.cluster.context leads to {server}, where that or its proxy-url is no address ({reason}); "
        "allowed: https://HOST:PORT, and a proxy-url that begins with http, https or socks5; "
        "fix: correct server or proxy-url of the cluster in the kubeconfig"
    )
