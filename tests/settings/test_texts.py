"""What may stand in a text that goes to another program: names, addresses, ports."""

from __future__ import annotations

from typing import Any

import pytest

from settings import load
from tests.settings.documents import at, refusal

OIDC = {"issuer": "https://x", "client_id": "g", "client_secret": "s", "admin_group": "a"}
ARABIC = str.maketrans("0123456789", "".join(chr(0x660 + digit) for digit in range(10)))
"""Digits to Unicode, and to a regular expression that says so, but not to those who read an address."""


def relay(port: object) -> dict[str, Any]:
    return {"relay": f"smtp.example.com:{port}", "sender": "a@example.com"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("tenants.shop.namespaces[0]", name) for name in ("n" * 64, "3-", "-3", "a.b", "a\n")),
        *(("regions.us-east.cluster.name", name) for name in ("n" * 101, "_eu", "-eu", "prod.eu", "prod\n")),
    ],
)
def test_a_name_that_nothing_can_have_is_refused(path: str, name: str) -> None:
    assert f"{path} is {name!r:.70}" in refusal(at({path: name}))


def test_names_of_what_is_there_already_follow_its_own_rules() -> None:
    cluster = "0Prod_EU" + "-" * 92
    changes = {"tenants.shop.namespaces": ["3scale", "0", "n" * 63], "regions.us-east.cluster.name": cluster}
    platform = load.parse(at(changes), "file")
    assert platform.tenants["shop"].namespaces == changes["tenants.shop.namespaces"]
    assert platform.regions["us-east"].cluster.name == cluster


@pytest.mark.parametrize("port", ["65536", "99999", "0", "587".translate(ARABIC), ""])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    given = f"smtp.example.com:{port}"
    assert refusal(at({"alerting.smtp": relay(port)})) == (
        f"Pulumi.dev.yaml: alerting.smtp.relay is {given!r}; allowed: host:port, 65535 at most; fix: correct it: Host "
        "and port of the relay; TLS is required"
    )


@pytest.mark.parametrize("port", [1, 587, 9092, 59_999, 65_535])
def test_a_port_is_taken(port: int) -> None:
    smtp = load.parse(at({"alerting.smtp": relay(port)}), "file").alerting.smtp
    assert smtp is not None
    assert smtp.relay.endswith(f":{port}")


def test_a_key_with_digits_of_another_script_is_refused() -> None:
    arn = f"arn:aws:kms:us-east-1:{'1' * 12}:key/a"
    assert load.parse(at({"regions.us-east.kms_key_arn": arn}), "file").regions["us-east"].kms_key_arn == arn
    arn = arn.replace("1" * 12, ("1" * 12).translate(ARABIC))
    assert "allowed: arn:aws:kms:<region>:<account>:key/<id>" in refusal(at({"regions.us-east.kms_key_arn": arn}))


@pytest.mark.parametrize("issuer", ["https://x/{{ .Values }}", "https://{x", "https://x\ny"])
def test_an_issuer_that_the_chart_would_read_as_a_template_is_refused(issuer: str) -> None:
    assert refusal(at({"grafana.oidc": {**OIDC, "issuer": issuer}})) == (
        f"Pulumi.dev.yaml: grafana.oidc.issuer is {issuer!r}; allowed: a URL that starts with https:// or http://, "
        "without braces; fix: correct it: Issuer URL; authorization, token and userinfo endpoints are below it"
    )


@pytest.mark.parametrize("character", "{}\n #;%$`")
def test_a_client_id_that_another_reader_would_cut_or_fill_is_refused(character: str) -> None:
    client = f"a{character}b"
    assert refusal(at({"grafana.oidc": {**OIDC, "client_id": client}})) == (
        f"Pulumi.dev.yaml: grafana.oidc.client_id is {client!r}; allowed: a client id, 256 characters at most, without "
        'spaces and " ` \\ # ; % $ { }; fix: correct it: Client id registered at the issuer'
    )


def test_client_ids_of_usual_providers_are_taken() -> None:
    for client in (
        "grafana",
        "api://0a1b-2c",
        "123-abc.apps.googleusercontent.com",
        "https://grafana.example.com/x?y=z",
    ):
        load.parse(at({"grafana.oidc": {**OIDC, "client_id": client}}), "file")
