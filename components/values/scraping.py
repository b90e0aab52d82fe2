"""How Prometheus finds and labels targets: the tenant of a target follows from its namespace."""

from __future__ import annotations

import re
from typing import Any

from components.values.context import Context
from settings import names

SCRAPE_CLASS = "platform"
"""The default scrape class: what a ServiceMonitor, PodMonitor, Probe or ScrapeConfig gets that names none."""
ANNOTATED_PODS = "annotated-pods"
"""Name of the PodMonitor that follows `prometheus.io/scrape` annotations, and its job label."""
ANNOTATED_PODS_INTERVAL = "15s"
RESERVED_LABELS = (
    names.TENANT_LABEL,
    names.REGION_LABEL,
    names.CLUSTER_LABEL,
    names.ENVIRONMENT_LABEL,
    "namespace",
)
"""Labels that say whose a series is: a tenant's own scrape resources may not write them."""
REPLICA_LABEL = "prometheus_replica"
"""External label that tells Prometheus' replicas apart, of everything that leaves one and of nothing that it holds."""
_NO_PROBE = "!has(object.spec.targets)"
_STATIC = "object.spec.targets.staticConfig"
_FILES = ("caFile", "certFile", "keyFile")
_META_NAMESPACE = "__meta_kubernetes_namespace"
_FEDERATED = {"action": "drop", "sourceLabels": [REPLICA_LABEL], "regex": ".+"}
"""Drops what a Prometheus says of itself by /federate, where external labels are on every sample.

Prometheus may ask itself, on loopback too, where no NetworkPolicy is asked: a target that redirects there, or a
monitor that aims there, would have every tenant's series stored as its own tenant's.
"""
_OWN_NAMESPACE = {
    "sourceLabels": [_META_NAMESPACE],
    "regex": "(.+)",
    "targetLabel": "namespace",
    "action": "replace",
}
"""Undoes a `namespace` that a monitor's podTargetLabels copied from a pod."""

Relabelings = list[dict[str, Any]]


def scrape_class(context: Context) -> dict[str, Any]:
    """Return the default scrape class: identity and tenant on every target and every sample.

    The operator puts a class's relabelings after the labels that a monitor copies from a Service or pod
    (targetLabels, podTargetLabels), and its metricRelabelings after the scrape, so that labels which a producer
    exposes are overwritten even where a monitor says honorLabels. Prometheus relabels a sample once per series and
    target, not once per scrape. A monitor's own metricRelabelings come after the class's and cannot keep what it drops.
    """
    return {
        "name": SCRAPE_CLASS,
        "default": True,
        "relabelings": [*_identity(context), _OWN_NAMESPACE, *_tenant(context, [_META_NAMESPACE, "namespace"])],
        "metricRelabelings": [_FEDERATED, *_tenant(context, ["namespace"])],
    }


def annotated_pods() -> dict[str, Any]:
    """Return the spec of the PodMonitor for pods annotated `prometheus.io/scrape: "true"`.

    `prometheus.io/path`, `prometheus.io/port` and `prometheus.io/scheme` are honoured; one target per pod, since
    a pod with several ports would otherwise be scraped once per port at the same address. No redirect is followed, for
    any pod may annotate itself; a ScrapeConfig has no such field.
    """
    annotation = "__meta_kubernetes_pod_annotation_prometheus_io_"
    relabelings = [
        {"action": "keep", "sourceLabels": [f"{annotation}scrape"], "regex": "true"},
        {"action": "drop", "sourceLabels": ["__meta_kubernetes_pod_phase"], "regex": "Pending|Succeeded|Failed"},
        {"action": "drop", "sourceLabels": ["__meta_kubernetes_pod_container_init"], "regex": "true"},
        {
            "sourceLabels": [f"{annotation}scheme"],
            "regex": "(https?)",
            "targetLabel": "__scheme__",
        },
        {"sourceLabels": [f"{annotation}path"], "regex": "(.+)", "targetLabel": "__metrics_path__"},
        # With a port annotation every container port gives the same address; Prometheus keeps one of equals.
        {
            "sourceLabels": [f"{annotation}port", "__meta_kubernetes_pod_ip"],
            "regex": r"(\d+);([\d.]+)",
            "replacement": "$2:$1",
            "targetLabel": "__address__",
        },
        {
            "sourceLabels": [f"{annotation}port", "__meta_kubernetes_pod_ip"],
            "regex": r"(\d+);([0-9a-fA-F]*:[0-9a-fA-F:]+)",
            "replacement": "[$2]:$1",
            "targetLabel": "__address__",
        },
        {"targetLabel": "job", "replacement": ANNOTATED_PODS},
        # Would make targets of equal addresses differ.
        {"targetLabel": "container", "replacement": ""},
        {
            "sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_name"],
            "regex": "(.+)",
            "targetLabel": "service_name",
        },
    ]
    endpoint = {
        "interval": ANNOTATED_PODS_INTERVAL,
        "scrapeTimeout": "10s",
        "followRedirects": False,
        "relabelings": relabelings,
    }
    return {"selector": {}, "namespaceSelector": {"any": True}, "podMetricsEndpoints": [endpoint]}


def admission_policy(context: Context) -> dict[str, Any]:
    """Return the spec of the ValidatingAdmissionPolicy that keeps a tenant from labelling itself as another.

    A monitor's own relabelings come after the scrape class's, so nothing in Prometheus can take them back: they are
    refused where they are written. The check is the API server's own; no webhook has to be up for it. A ScrapeConfig
    discovers targets by means that choose their own labels, so that tenants have the other three kinds only. Nor may
    a monitor aim Prometheus, which reaches what tenants' pods do not, at an address of its own, or read Prometheus'
    files. A tenant's rules may not say whose their alerts are either, or it could page another's on-call.
    """
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "namespaceSelector": {"matchExpressions": [_in_tenant_namespaces(context)]},
            "resourceRules": [
                {
                    "apiGroups": ["monitoring.coreos.com"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["servicemonitors", "podmonitors", "probes", "scrapeconfigs", "prometheusrules"],
                }
            ],
        },
        "validations": [*_labelling(), *_aiming()],
    }


def _each_endpoint(check: str) -> str:
    """Return the check that an expression about `e` holds of every endpoint of a ServiceMonitor or PodMonitor."""
    return " && ".join(
        f"(!has(object.spec.{field}) || object.spec.{field}.all(e, {check}))"
        for field in ("endpoints", "podMetricsEndpoints")
    )


def _each_relabeling(check: str) -> str:
    """Return the check that an expression about `r` holds of every relabeling, wherever a kind has them."""

    def of(holder: str, *fields: str) -> str:
        return " && ".join(f"(!has({holder}.{field}) || {holder}.{field}.all(r, {check}))" for field in fields)

    probe = " && ".join(
        f"(!has(object.spec.targets.{kind}) || {of(f'object.spec.targets.{kind}', 'relabelingConfigs')})"
        for kind in ("staticConfig", "ingress")
    )
    found = f"({_each_endpoint(of('e', 'relabelings', 'metricRelabelings'))}) && ({_NO_PROBE} || {probe})"
    return f"{found} && {of('object.spec', 'metricRelabelings')}"


def _aiming() -> list[dict[str, str]]:
    """Return what keeps a monitor to the targets that it selects, and Prometheus' own files to Prometheus."""

    def unset(holder: str, *fields: str) -> str:
        return " && ".join(f"(!has({holder}.{field}) || {holder}.{field} == '')" for field in fields)

    label = "r.targetLabel"
    plain = f"!{label}.startsWith('__') || {label}.startsWith('__tmp') || {label} == '__name__'"
    write = f"(!has({label}) || {plain})"
    labels = f"{_STATIC}.labels.all(l, !l.startsWith('__'))"
    static = f"{_NO_PROBE} || !has({_STATIC}) || !has({_STATIC}.labels) || {labels}"
    prober = "!has(object.spec.prober)"
    files = f"{unset('e', 'bearerTokenFile')} && (!has(e.tlsConfig) || {unset('e.tlsConfig', *_FILES)})"
    return [
        {
            "expression": f"{_each_relabeling(write)} && ({static})",
            "message": "relabelings and targets.staticConfig.labels may not write __address__ or another label that "
            "begins with __, but for __tmp* and __name__: Prometheus asks what is selected, at path and with params",
        },
        {
            "expression": f"{_each_endpoint(_elsewhere('e'))} && ({prober} || {_elsewhere('object.spec.prober')})",
            "message": "path may not hold /federate: series of this region are read through the access proxy",
        },
        {
            "expression": f"{_each_endpoint('!has(e.proxyUrl) && !has(e.oauth2)')} && !has(object.spec.oauth2)"
            f" && ({prober} || !has(object.spec.prober.proxyUrl))",
            "message": "proxyUrl and oauth2 must be absent: they send Prometheus to an address that nobody selected",
        },
        {
            "expression": _each_endpoint(files),
            "message": "bearerTokenFile and tlsConfig's caFile, certFile and keyFile must be absent, for the files are "
            "Prometheus' own: name a Secret of your namespace in authorization.credentials or tlsConfig",
        },
    ]


def _elsewhere(holder: str) -> str:
    return f"(!has({holder}.path) || !{holder}.path.lowerAscii().contains('/federate'))"


def _labelling() -> list[dict[str, str]]:
    """Return what keeps a tenant from writing labels that say whose a series, or an alert, is."""
    reserved = "[" + ", ".join(f"'{label}'" for label in RESERVED_LABELS) + "]"
    shown = ", ".join(RESERVED_LABELS)
    write = (
        f"(!has(r.targetLabel) || !(r.targetLabel in {reserved}) && !r.targetLabel.contains('$'))"
        " && (!has(r.action) || !(r.action.lowerAscii() in ['labelmap', 'labeldrop', 'labelkeep']))"
    )

    def unlabelled(holder: str) -> str:
        return f"(!has({holder}.labels) || {holder}.labels.all(l, !(l in {reserved})))"

    return [
        {
            "expression": "object.kind != 'ScrapeConfig'",
            "message": "a ScrapeConfig is not allowed in a tenant's namespace: "
            "write a ServiceMonitor, PodMonitor or Probe",
        },
        {
            "expression": _each_relabeling(f"({write})"),
            "message": f"relabelings may not write {shown}, nor use labelmap, labeldrop or labelkeep: "
            "the platform sets these labels from the namespace",
        },
        {
            "expression": _each_endpoint("!has(e.honorLabels) || !e.honorLabels"),
            "message": "honorLabels must be false: the platform sets the labels that say whose a series is",
        },
        {
            "expression": f"{_NO_PROBE} || !has({_STATIC}) || {unlabelled(_STATIC)}",
            "message": f"targets.staticConfig.labels may not hold {shown}: "
            "the platform sets these labels from the namespace",
        },
        {
            "expression": "!has(object.spec.groups) || object.spec.groups.all(g, "
            f"{unlabelled('g')} && (!has(g.rules) || g.rules.all(r, {unlabelled('r')})))",
            "message": f"labels of rules may not hold {shown}: an alert belongs to the tenant of its series",
        },
        {
            "expression": f"!has(object.spec.scrapeClass) || object.spec.scrapeClass == '{SCRAPE_CLASS}'",
            "message": f"scrapeClass must be {SCRAPE_CLASS} or absent",
        },
    ]


def _identity(context: Context) -> Relabelings:
    """Return the rules for region, cluster, environment: external labels are not seen by queries in the region."""
    return [
        {"targetLabel": label, "replacement": value, "action": "replace"}
        for label, value in sorted(context.identity.items())
    ]


def _tenant(context: Context, sources: list[str]) -> Relabelings:
    """Return the rules that set the tenant: the platform's first, then each tenant's where the namespace is its.

    With two sources the first that is not empty decides; one rule per tenant, however many namespaces it has.
    """
    rules: Relabelings = [
        {"targetLabel": names.TENANT_LABEL, "replacement": names.PLATFORM_TENANT, "action": "replace"}
    ]
    for name, tenant in context.tenants.items():
        own = "|".join(re.escape(namespace).replace(r"\-", "-") for namespace in sorted(tenant.namespaces))
        regex = f"(?:{own})" if len(sources) == 1 else f"(?:{own});.*|;(?:{own})"
        rules.append(
            {
                "sourceLabels": sources,
                "separator": ";",
                "regex": regex,
                "targetLabel": names.TENANT_LABEL,
                "replacement": name,
                "action": "replace",
            }
        )
    return rules


def _in_tenant_namespaces(context: Context) -> dict[str, Any]:
    """Return what a tenant's namespace matches; the API server refuses an empty list, and labels every namespace."""
    label = "kubernetes.io/metadata.name"
    values = sorted(namespace for tenant in context.tenants.values() for namespace in tenant.namespaces)
    return {"key": label, "operator": "In", "values": values} if values else {"key": label, "operator": "DoesNotExist"}
