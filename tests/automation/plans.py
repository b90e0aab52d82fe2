"""Planned resources that break no policy, for tests to break them."""

from __future__ import annotations

import json
from typing import Any

from automation.policies import check
from automation.recorder import Planned
from tests.automation.reports import urn

SECURE: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
BOUNDED: dict[str, Any] = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
CONTAINER: dict[str, Any] = {
    "name": "main",
    "image": "registry.example/main:1.2",
    "env": [{"name": "GF_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "grafana", "key": "password"}}}],
    "args": ["--config=/etc/main/config.yaml"],
    "ports": [{"containerPort": 8080}],
    "resources": BOUNDED,
    "securityContext": SECURE,
}
METADATA: dict[str, Any] = {
    "name": "thing",
    "namespace": "observability",
    "labels": {"app.kubernetes.io/instance": "x"},
    "annotations": {"pulumi.com/deletionPropagationPolicy": "orphan"},
}
POD_CONTEXT = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
COLLECTOR: dict[str, Any] = {
    "mode": "statefulset",
    "image": "registry.example/collector:1.2",
    "resources": BOUNDED,
    "securityContext": SECURE,
    "podSecurityContext": POD_CONTEXT,
    "volumes": [{"name": "state", "emptyDir": {}}],
    "config": {"exporters": {"otlp": {"headers": {"authorization": "Basic ${env:BASIC}"}, "routing_key": "traceID"}}},
}
MONITOR: dict[str, Any] = {
    "image": "registry.example/monitor:v3",
    "resources": BOUNDED,
    "securityContext": POD_CONTEXT,
    "hostNetwork": False,
}
CLOSED = {"blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True, "restrictPublicBuckets": True}
CRD = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"


def planned(kind: str, inputs: dict[str, Any], *, protect: bool = True, retain: bool = True) -> Planned:
    return Planned(urn("us-east", kind, "thing"), kind, inputs, protect, retain)


def running(kind: str, spec: dict[str, Any], **metadata: Any) -> Planned:
    """Return an object of `GROUP/VERSION:KIND` in the platform's namespace."""
    return planned(f"kubernetes:{kind}", {"metadata": {**METADATA, **metadata}, "spec": spec})


def workload(**container: Any) -> Planned:
    """Return a StatefulSet whose container differs from a right one."""
    return holding({"containers": [{**CONTAINER, **container}]})


def holding(pod: dict[str, Any]) -> Planned:
    """Return a StatefulSet of a pod."""
    return running("apps/v1:StatefulSet", {"template": {"spec": {"containers": [CONTAINER], **pod}}})


def collector(**spec: Any) -> Planned:
    return running("opentelemetry.io/v1beta1:OpenTelemetryCollector", {**COLLECTOR, **spec})


def monitor(kind: str = "Prometheus", **spec: Any) -> Planned:
    return running(f"monitoring.coreos.com/v1:{kind}", {**MONITOR, **spec})


def config_map(**data: str) -> Planned:
    return planned(CONFIG_MAP, {"data": data})


def policy(*statements: dict[str, Any]) -> Planned:
    return planned(BUCKET_POLICY, {"bucket": "logs", "policy": json.dumps({"Statement": statements})})


def namespace(name: str = "observability", **labels: Any) -> Planned:
    inputs = {"metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "x", **labels}}}
    return planned("kubernetes:core/v1:Namespace", inputs)


NAMESPACE = namespace(**{"pod-security.kubernetes.io/enforce": "restricted"})
BUCKET = planned("aws:s3/bucket:Bucket", {"bucket": "logs"})
ACCESS = planned("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", {"bucket": "logs", **CLOSED})
PROVIDER = planned(
    "pulumi:providers:aws", {"defaultTags": '{"tags": {"observability-platform:stack": "prod.us-east"}}'}
)
RIGHT = [
    NAMESPACE,
    BUCKET,
    ACCESS,
    PROVIDER,
    workload(),
    running("batch/v1:CronJob", {"jobTemplate": {"spec": {"template": {"spec": {"containers": [CONTAINER]}}}}}),
    collector(),
    monitor(thanos={"image": "registry.example/thanos:1", "resources": BOUNDED}),
    monitor("Alertmanager", containers=[{"name": "config-reloader", "resources": {"limits": {"memory": "1Gi"}}}]),
    running("opentelemetry.io/v1alpha1:Instrumentation", {"java": {"image": "registry.example/java:2"}}),
    config_map(**{"a.yaml": "password: ${PASSWORD}"}),
    planned(CONFIG_MAP, {"binaryData": {"a": "cGFzc3dvcmQ6IC9ldGMveA=="}}),
    policy({"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}}),
    planned("aws:s3/bucketAcl:BucketAcl", {"accessControlPolicy": {"grants": [{"grantee": {"id": "x"}}]}}),
    planned(CRD, {}),
]


def broken(rule: str, *resources: Planned) -> list[str]:
    """Return the messages of one rule over some resources."""
    return [violation.message for violation in check(resources) if violation.rule == rule]
