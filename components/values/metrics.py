"""Helm values of kube-prometheus-stack: Prometheus, Alertmanager, Grafana, exporters and the operator."""

from __future__ import annotations

from typing import Any

from components.values import addresses, grafana, prometheus
from components.values.context import Context
from rules import lint_chart
from settings.names import NODE_NAMESPACE, TENANT_LABEL, grafana_url
from settings.vocabulary import Workload

CHART = "kube-prometheus-stack"
OPERATOR = f"{addresses.METRICS_RELEASE}-operator"
KUBE_STATE_METRICS = "kube-state-metrics"
NODE_EXPORTER = "node-exporter"

_ALERTMANAGER = "alertmanager-overview"
_CLUSTER = "efa86fd1d0c121a26444b636a3f509a8"
_KUBELET = "3138fa155d5915769fbded898ac09fd9"
_NAMESPACE = "85a562078cdf77779eaa1add43ccec1e"
_NETWORK = "ff635a025bcfea7bc3dd4f508990a3e9"
_NODES = "7d57716318ee0dddbac5a7f451fb7753"
_PROMETHEUS = "9fa0d141-d019-4ad7-8bc5-42196ee308bd"
_VOLUMES = "919b92a8e8041bd567af9edab12c840c"
RULE_GROUPS = {
    "alertmanager": _ALERTMANAGER,
    "configReloaders": _PROMETHEUS,
    "k8sContainerCpuUsageSecondsTotal": _CLUSTER,
    "k8sContainerMemoryCache": _CLUSTER,
    "k8sContainerMemoryRss": _CLUSTER,
    "k8sContainerMemorySwap": _CLUSTER,
    "k8sContainerMemoryWorkingSetBytes": _CLUSTER,
    "k8sContainerResource": _CLUSTER,
    "k8sPodOwner": _CLUSTER,
    "kubePrometheusGeneral": _CLUSTER,
    "kubePrometheusNodeRecording": _NODES,
    "kubeStateMetrics": _CLUSTER,
    "kubelet": _KUBELET,
    "kubernetesApps": _NAMESPACE,
    "kubernetesResources": _CLUSTER,
    "kubernetesStorage": _VOLUMES,
    "kubernetesSystem": _CLUSTER,
    "network": _NETWORK,
    "node": _NODES,
    "nodeExporterAlerting": _NODES,
    "nodeExporterRecording": _NODES,
    "prometheus": _PROMETHEUS,
    "prometheusOperator": _PROMETHEUS,
}
"""The chart's groups that stay, what this region's people can act on, each with the uid of the dashboard to look at."""
UNUSED_RULE_GROUPS = (
    "etcd",
    "kubeControllerManager",
    "kubeProxy",
    "kubeSchedulerAlerting",
    "kubeSchedulerRecording",
    # The API server's SLO is the cloud provider's to keep: nobody on call here can act on its burn rate.
    "kubeApiserverAvailability",
    "kubeApiserverBurnrate",
    "kubeApiserverHistogram",
    "kubeApiserverSlos",
    "windows",
    # Watchdog and TargetDown, which rules/ has under the same names, and an inhibitor that our routes do not need.
    "general",
)
"""The chart's groups about components that EKS does not show, or that nobody here can repair."""
NAMESPACE_EXPORTS = "namespaces=[*]"
"""Labels of namespaces that kube-state-metrics shows: few objects, so all of them."""


def helm_values(context: Context) -> dict[str, Any]:
    """Return the values of the whole chart.

    CRDs are a stack of their own. Hooks do not run here, so the operator's webhook gets its certificate from
    cert-manager; until that is issued the webhook lets everything through rather than block a first rollout.
    """
    return {
        "fullnameOverride": addresses.METRICS_RELEASE,
        "crds": {"enabled": False},
        "defaultRules": _default_rules(context),
        "alertmanager": _alertmanager(context),
        "grafana": grafana.helm_values(context),
        "prometheus": prometheus.helm_values(context),
        "prometheusOperator": _operator(context),
        "kube-state-metrics": _kube_state_metrics(context),
        "prometheus-node-exporter": _node_exporter(context),
        "kubelet": {"serviceMonitor": {"cAdvisorInterval": "30s"}},
        # EKS runs these where nobody can scrape them.
        "kubeControllerManager": {"enabled": False},
        "kubeEtcd": {"enabled": False},
        "kubeProxy": {"enabled": False},
        "kubeScheduler": {"enabled": False},
        "windowsMonitoring": {"enabled": False},
        "nodeExporter": {"operatingSystems": {"aix": {"enabled": False}, "darwin": {"enabled": False}}},
    }


def _default_rules(context: Context) -> dict[str, Any]:
    """Keep the chart's rules that apply, give each a dashboard, and keep the tenant through their aggregations."""
    grafana = grafana_url(context.platform, context.name)
    dashboards = {group: {"dashboard_url": f"{grafana}/d/{uid}"} for group, uid in RULE_GROUPS.items()}
    return {
        "rules": {**dict.fromkeys(RULE_GROUPS, True), **dict.fromkeys(UNUSED_RULE_GROUPS, False)},
        # Alerts that rules/ has, with thresholds of their own and tests.
        "disabled": dict.fromkeys(lint_chart.decisions()["replaced"], True),
        "additionalAggregationLabels": [TENANT_LABEL],
        "additionalRuleGroupAnnotations": dashboards,
    }


def _alertmanager(context: Context) -> dict[str, Any]:
    need = context.sizing[Workload.ALERTMANAGER]
    return {
        "serviceAccount": {"create": True, "name": addresses.ALERTMANAGER},
        "podDisruptionBudget": {"enabled": need.replicas > 1, "minAvailable": 1},
        "alertmanagerSpec": {
            **prometheus.placement("alertmanager", addresses.ALERTMANAGER, need.replicas),
            "replicas": need.replicas,
            "useExistingSecret": True,
            "configSecret": addresses.ALERTMANAGER_CONFIG_SECRET,
            "secrets": [addresses.RECEIVERS_SECRET],
            # The tree is one Secret. An AlertmanagerConfig would be merged into it with a namespace matcher and
            # could take another's alerts, so none is selected: every namespace has this label.
            "alertmanagerConfigNamespaceSelector": {
                "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "DoesNotExist"}]
            },
            "resources": context.resources(Workload.ALERTMANAGER),
            "storage": {"volumeClaimTemplate": prometheus.volume_claim(context, str(need.volume))},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        },
    }


def _operator(context: Context) -> dict[str, Any]:
    small = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}
    return {
        "fullnameOverride": OPERATOR,
        "serviceAccount": {"create": True, "name": OPERATOR},
        "resources": context.resources(Workload.PROMETHEUS_OPERATOR),
        "prometheusConfigReloader": {"enableProbe": True, "resources": small},
        "admissionWebhooks": {
            "enabled": True,
            "failurePolicy": "Ignore",
            "patch": {"enabled": False},
            "certManager": {"enabled": True},
        },
    }


def _kube_state_metrics(context: Context) -> dict[str, Any]:
    """Values of the sub-chart; it may not read Secrets and ConfigMaps, of which no rule or dashboard speaks."""
    return {
        "fullnameOverride": KUBE_STATE_METRICS,
        "resources": context.resources(Workload.KUBE_STATE_METRICS),
        "metricLabelsAllowlist": [
            NAMESPACE_EXPORTS,
            "nodes=[topology.kubernetes.io/zone,node.kubernetes.io/instance-type]",
            "pods=[app.kubernetes.io/name,app.kubernetes.io/version]",
        ],
        "collectorsExclude": ["secrets", "configmaps"],
    }


def _node_exporter(context: Context) -> dict[str, Any]:
    return {
        "fullnameOverride": NODE_EXPORTER,
        "namespaceOverride": NODE_NAMESPACE,
        "resources": context.resources(Workload.NODE_EXPORTER),
        "containerSecurityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        # Every node, also those that are tainted for GPUs or for a tenant.
        "tolerations": [{"operator": "Exists"}],
    }
