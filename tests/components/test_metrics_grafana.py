"""What kube-prometheus-stack renders of Grafana from our values: who gets in, what it keeps, what it loads."""

from __future__ import annotations

import configparser
import json
from collections.abc import Mapping
from typing import Any

from automation.policies import workloads as pod_security
from charts.pull import resolve
from components.values import addresses, metrics
from components.values.context import Context
from settings import names
from settings.platform import Grafana, Oidc
from settings.tenant import GrafanaGroups
from tests.contexts import context
from tests.rendering import one, pods, render

PACKAGES = resolve({})


def objects(given: Context) -> list[dict[str, Any]]:
    return render(addresses.METRICS_RELEASE, PACKAGES[metrics.CHART], metrics.helm_values(given), names.NAMESPACE)


def ini(given: Context) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(one(objects(given), "ConfigMap", addresses.GRAFANA)["data"]["grafana.ini"])
    return parser


def test_grafana_takes_its_password_from_the_store_and_keeps_its_database() -> None:
    rendered = objects(context())
    env = {each["name"]: each for each in pods(rendered)["Deployment/grafana"]["containers"][-1]["env"]}
    reference = env["GF_SECURITY_ADMIN_PASSWORD"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": addresses.GRAFANA_ADMIN_SECRET, "key": "admin-password"}
    assert not [each for each in rendered if (each["kind"], each["metadata"]["name"]) == ("Secret", "grafana")]
    claim = one(rendered, "PersistentVolumeClaim", "grafana")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert one(rendered, "Deployment", "grafana")["spec"]["strategy"] == {"type": "Recreate"}


def test_grafana_is_reached_at_its_name_and_lets_nobody_in_unknown() -> None:
    given = ini(context())
    assert given["server"]["root_url"] == "https://grafana.us-east.observability.example.com"
    assert given["auth.anonymous"]["enabled"] == "false"
    viewing = ini(context(platform={"grafana": Grafana(anonymous_viewing=True)}))
    assert dict(viewing["auth.anonymous"]) == {"enabled": "true", "hide_version": "true", "org_role": "Viewer"}


def test_single_sign_on_makes_the_platform_team_admins_and_nobody_else_anything() -> None:
    oauth = ini(context())["auth.generic_oauth"]
    assert oauth["auth_url"] == "https://login.example.com/authorize"
    assert oauth["client_secret"] == "$__file{/etc/secrets/grafana-oidc/client-secret}"
    assert oauth["role_attribute_path"] == "contains(groups[*], 'platform') && 'Admin'"
    assert oauth["role_attribute_strict"] == "true"
    # Else who leaves the group, and is in a tenant's, would stay an admin of the server.
    assert oauth["allow_assign_grafana_admin"] == "false"
    assert not {"org_mapping", "org_attribute_path"} & set(oauth)
    mounts = pods(objects(context()))["Deployment/grafana"]["containers"][-1]["volumeMounts"]
    assert {"name": "oidc", "mountPath": "/etc/secrets/grafana-oidc", "readOnly": True}.items() <= next(
        each for each in mounts if each["name"] == "oidc"
    ).items()
    assert "auth.generic_oauth" not in ini(context("dev.us-east"))


def test_a_group_with_a_quote_cannot_change_the_role_expression() -> None:
    oidc = Oidc(issuer="https://x", client_id="g", client_secret="s", admin_group="a') || 'GrafanaAdmin")
    path = ini(context(platform={"grafana": Grafana(oidc=oidc)}))["auth.generic_oauth"]["role_attribute_path"]
    assert path == r"contains(groups[*], 'a\') || \'GrafanaAdmin') && 'Admin'"


def entered(**groups: GrafanaGroups) -> Mapping[str, str]:
    """Return the rendered single sign-on where some tenants have groups."""
    platform = context().platform
    changed = {name: platform.tenants[name].model_copy(update={"grafana": each}) for name, each in groups.items()}
    return ini(context(platform={"tenants": {**platform.tenants, **changed}}))["auth.generic_oauth"]


def roles(oauth: Mapping[str, str], *groups: str) -> dict[str, str]:
    """Return the role in each organization that Grafana's strict mapping gives somebody with these groups."""
    ranks = ["Viewer", "Editor", "Admin"]
    found: dict[str, str] = {}
    for entry in json.loads(oauth["org_mapping"]):
        group, organization, role = entry.split(":")
        if group in groups and ranks.index(role) >= ranks.index(found.get(organization, "Viewer")):
            found[organization] = role
    return found


def test_a_tenants_people_enter_their_organization_and_no_other() -> None:
    oauth = entered(
        storefront=GrafanaGroups(viewers=["/store people", "both"], editors=["store-leads"]),
        payments=GrafanaGroups(editors=["both"]),
    )
    assert oauth["org_attribute_path"] == "groups"
    assert roles(oauth, "/store people") == {"storefront": "Viewer"}
    assert roles(oauth, "/store people", "store-leads", "else") == {"storefront": "Editor"}
    assert roles(oauth, "both") == {"storefront": "Viewer", "payments": "Editor"}
    assert roles(oauth, "else") == {}
    # Somebody who is mapped anywhere is only where the mapping says: the platform team must not lose its own.
    assert roles(oauth, "platform", "both") == {"1": "Admin", "storefront": "Admin", "payments": "Admin"}


def test_only_tenants_of_the_region_with_groups_are_mapped() -> None:
    """One unknown organization empties a strict mapping, so that none is in it without need."""
    oauth = entered(storefront=GrafanaGroups(viewers=["store"]))
    assert json.loads(oauth["org_mapping"]) == [
        "platform:1:Admin",
        "platform:storefront:Admin",
        "store:storefront:Viewer",
    ]
    elsewhere = (
        context()
        .platform.tenants["storefront"]
        .model_copy(update={"grafana": GrafanaGroups(viewers=["store"]), "regions": ["eu-west"]})
    )
    tenants = {**context().platform.tenants, "storefront": elsewhere}
    assert "org_mapping" not in ini(context(platform={"tenants": tenants}))["auth.generic_oauth"]


def test_grafana_looks_for_dashboards_in_our_namespace_only() -> None:
    containers = {
        each["name"]: each for each in pod_security.containers(pods(objects(context()))["Deployment/grafana"])
    }
    assert sorted(containers) == ["grafana", "grafana-sc-dashboard", "grafana-sc-datasources"]
    for name in ("grafana-sc-dashboard", "grafana-sc-datasources"):
        env: Mapping[str, Any] = {each["name"]: each.get("value") for each in containers[name]["env"]}
        assert (env["NAMESPACE"], env["RESOURCE"]) == (names.NAMESPACE, "configmap"), name
    folder = {each["name"]: each.get("value") for each in containers["grafana-sc-dashboard"]["env"]}
    assert folder["FOLDER_ANNOTATION"] == "grafana_folder"
