"""Helm values of Grafana, the sub-chart of kube-prometheus-stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from components.values import addresses
from components.values.context import Context
from settings import names
from settings.platform import Oidc
from settings.vocabulary import Workload

DASHBOARD_LABEL = "grafana_dashboard"
DATASOURCE_LABEL = "grafana_datasource"
FOLDER_ANNOTATION = "grafana_folder"
"""Label and annotation that the sidecars look for."""
KUBERNETES_FOLDER = "Kubernetes"
"""Folder of the chart's own dashboards."""
MAIN_ORGANIZATION_ID = 1
"""The platform's: Grafana makes it at its first start, and files provision nothing into another that is not there."""
OIDC_MOUNT = f"/etc/secrets/{addresses.GRAFANA_OIDC_SECRET}"
_SIDECAR = {"requests": {"cpu": "20m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}}


def helm_values(context: Context) -> dict[str, Any]:
    """Return the chart's `grafana` values.

    Dashboards and data sources come from ConfigMaps by sidecar. The database holds what people and pipelines add by
    the API (deploy annotations, service accounts, preferences), so it lies on a volume; with SQLite that means one
    replica, replaced rather than rolled.
    """
    need = context.sizing[Workload.GRAFANA]
    oidc = context.platform.grafana.oidc
    values: dict[str, Any] = {
        "fullnameOverride": addresses.GRAFANA,
        "replicas": need.replicas,
        "deploymentStrategy": {"type": "Recreate"},
        "serviceAccount": {"create": True, "name": addresses.GRAFANA},
        "rbac": {"namespaced": True},
        "admin": {
            "existingSecret": addresses.GRAFANA_ADMIN_SECRET,
            "userKey": "admin-user",
            "passwordKey": "admin-password",
        },
        "resources": context.resources(Workload.GRAFANA),
        "persistence": _persistence(context, str(need.volume)),
        # Changing the owner of a volume takes root, which the namespace forbids; fsGroup does the same.
        "initChownData": {"enabled": False},
        "testFramework": {"enabled": False},
        "imageRenderer": {"enabled": False},
        "sidecar": _sidecar(),
        "defaultDashboardsEditable": False,
        "grafana.ini": _ini(context),
    }
    if oidc is not None:
        values["extraSecretMounts"] = [
            {
                "name": "oidc",
                "secretName": addresses.GRAFANA_OIDC_SECRET,
                "mountPath": OIDC_MOUNT,
                "defaultMode": 0o440,
                "readOnly": True,
            }
        ]
    return values


def _persistence(context: Context, size: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "enabled": True,
        "type": "pvc",
        "size": size,
        # A lookup in the live cluster would make the rendering depend on it.
        "lookupVolumeName": False,
        "annotations": {"helm.sh/resource-policy": "keep"},
    }
    if context.region.cluster.storage_class is not None:
        values["storageClassName"] = context.region.cluster.storage_class
    return values


def _sidecar() -> dict[str, Any]:
    """Look for ConfigMaps in our namespace only: anyone's dashboard could otherwise replace ours by its uid."""
    return {
        "resources": _SIDECAR,
        "dashboards": {
            "enabled": True,
            "label": DASHBOARD_LABEL,
            "labelValue": "1",
            "searchNamespace": names.NAMESPACE,
            "resource": "configmap",
            "folderAnnotation": FOLDER_ANNOTATION,
            "annotations": {FOLDER_ANNOTATION: KUBERNETES_FOLDER},
            "provider": {"allowUiUpdates": False, "foldersFromFilesStructure": True},
        },
        "datasources": {
            "enabled": True,
            "label": DATASOURCE_LABEL,
            "labelValue": "1",
            "searchNamespace": names.NAMESPACE,
            "resource": "configmap",
            # As an init container the chart's sidecar watches too, and so never ends.
            "initDatasources": False,
            # The chart's own entries know one exemplar label and none of the links; ours are datasources.py's.
            "defaultDatasourceEnabled": False,
            "alertmanager": {"enabled": False},
        },
    }


def _ini(context: Context) -> dict[str, Any]:
    """Return grafana.ini. The chart passes strings through `tpl`, so none may hold two braces."""
    ini: dict[str, Any] = {
        "server": {"root_url": names.grafana_url(context.platform, context.name)},
        "analytics": {"check_for_updates": False, "check_for_plugin_updates": False, "reporting_enabled": False},
        "log.console": {"format": "json"},
        "users": {"allow_sign_up": False, "allow_org_create": False},
        "security": {"cookie_secure": True, "disable_gravatar": True, "strict_transport_security": True},
        "auth": {"disable_login_form": False},
        "auth.anonymous": {"enabled": False},
    }
    if context.platform.grafana.anonymous_viewing:
        ini["auth.anonymous"] = {"enabled": True, "org_role": "Viewer", "hide_version": True}
    if context.platform.grafana.oidc is not None:
        ini["auth.generic_oauth"] = _oauth(context, context.platform.grafana.oidc)
    return ini


def _oauth(context: Context, oidc: Oidc) -> dict[str, Any]:
    """Let in the platform team, and each tenant's people into their tenant's organisation.

    Roles are strict: whoever neither the expression nor the mapping gives one is refused. The expression alone lets the
    platform team in, also while an organisation of the mapping does not exist yet: a strict mapping with an unknown
    name counts as empty. Nobody becomes an admin of the server by a group: Grafana takes that back from nobody whom the
    expression no longer speaks of, who would then get into any organisation.
    """
    issuer = oidc.issuer.rstrip("/")
    group = oidc.admin_group.replace("\\", "\\\\").replace("'", "\\'")
    oauth: dict[str, Any] = {
        "enabled": True,
        "name": "Single sign-on",
        "client_id": oidc.client_id,
        "client_secret": f"$__file{{{OIDC_MOUNT}/client-secret}}",
        "scopes": "openid profile email groups",
        "auth_url": issuer + oidc.authorization_path,
        "token_url": issuer + oidc.token_path,
        "api_url": issuer + oidc.userinfo_path,
        "use_pkce": True,
        "allow_sign_up": True,
        "role_attribute_path": f"contains(groups[*], '{group}') && 'Admin'",
        "role_attribute_strict": True,
        "allow_assign_grafana_admin": False,
    }
    mapping = list(_org_mapping(context, oidc))
    if mapping:
        oauth["org_attribute_path"] = "groups"
        # A list of JSON: in the other form a space ends an entry.
        oauth["org_mapping"] = json.dumps(mapping, ensure_ascii=False)
    return oauth


def _org_mapping(context: Context, oidc: Oidc) -> Iterator[str]:
    """Yield `group:organisation:role` for each tenant with groups, and none at all without such a tenant.

    The platform team is in it as well, since who is mapped anywhere is only where the mapping says.
    """
    tenants = {name: tenant.grafana for name, tenant in context.tenants.items()}
    entered = {name: groups for name, groups in tenants.items() if groups.members}
    if entered:
        yield f"{oidc.admin_group}:{MAIN_ORGANIZATION_ID}:Admin"
    for name, groups in entered.items():
        yield f"{oidc.admin_group}:{name}:Admin"
        yield from (f"{group}:{name}:Editor" for group in groups.editors)
        yield from (f"{group}:{name}:Viewer" for group in groups.viewers)
