"""Groups that enter a tenant's organisation of Grafana: what they may be, and every contradiction as its sentence."""

from __future__ import annotations

from typing import Any

import pytest

from settings import load
from tests.settings.documents import at, refusal

OIDC = {
    "issuer": "https://login.acme.example",
    "client_id": "grafana",
    "client_secret": "grafana/oidc",
    "admin_group": "platform",
}
WITHOUT = 'a group as the provider names it, 128 characters at most, without : * " ` \\ # ; % $ { } [ ]'

CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
    (
        "a group without single sign-on",
        {"tenants.shop.grafana": {"viewers": ["shop-people"]}},
        "tenants.shop.grafana.viewers[0] is 'shop-people', though nobody signs in with a group as long as grafana.oidc "
        "is unset; allowed: nothing, unless grafana.oidc is set; fix: set grafana.oidc, or remove the group",
    ),
    (
        "the platform team's group",
        {"grafana": {"oidc": OIDC}, "tenants.shop.grafana": {"editors": ["shop-people", "platform"]}},
        "tenants.shop.grafana.editors[1] is 'platform', the platform team's group, whose people read every tenant; "
        "allowed: a group of the tenant's own people; fix: remove it: grafana.oidc.admin_group enters every "
        "organisation",
    ),
    (
        "a group that is there twice",
        {"grafana": {"oidc": OIDC}, "tenants.shop.grafana": {"viewers": ["shop-people"], "editors": ["shop-people"]}},
        "tenants.shop.grafana.editors[0] is 'shop-people', which tenants.shop.grafana.viewers[0] is already; allowed: "
        "each group once for a tenant; two tenants may share one; fix: remove one of the two",
    ),
]


@pytest.mark.parametrize(
    ("changes", "sentence"), [each[1:] for each in CONTRADICTIONS], ids=lambda each: str(each)[:40]
)
def test_a_contradiction_is_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(at(changes))


def test_two_tenants_may_share_a_group() -> None:
    same = {"viewers": ["shared"]}
    load.parse(at({"grafana": {"oidc": OIDC}, "tenants.shop.grafana": same, "tenants.payments.grafana": same}), "here")


@pytest.mark.parametrize(
    "group",
    ["shop", "/shop/people", "CN=Shop People,OU=Teams", "8f0c1d2e-0000-4000-8000-000000000001", "Équipe (shop)", "a'b"],
)
def test_groups_as_providers_name_them_are_taken(group: str) -> None:
    loaded = load.parse(at({"grafana": {"oidc": OIDC}, "tenants.shop.grafana": {"viewers": [group]}}), "here")
    assert loaded.tenants["shop"].grafana.viewers == [group]


@pytest.mark.parametrize(
    "group",
    ["*", "a:2:Admin", 'a", "*:1:Admin', "${HOME}", "a;b", "a#b", "%(x)s", "a\nb", " a", "a ", "a{{b", "x" * 129],
)
def test_groups_that_mean_something_to_grafana_are_refused(group: str) -> None:
    said = refusal(at({"grafana": {"oidc": OIDC}, "tenants.shop.grafana": {"viewers": [group]}}))
    assert "tenants.shop.grafana.viewers[0]" in said
    assert WITHOUT in said
    assert "grafana.oidc.admin_group" in refusal(at({"grafana": {"oidc": {**OIDC, "admin_group": group}}}))
