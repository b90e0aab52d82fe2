"""The agent: one per node, hears the node's pods and reads their logs, and says whose each signal is."""

from __future__ import annotations

from typing import Any

from components.values import addresses
from components.values.collection import identity, log_files, pieces, redaction, workload
from components.values.collection.pieces import COMPRESSION, Config, delivery, pipeline
from components.values.context import Context
from settings.units import Bytes
from settings.vocabulary import Workload

QUEUE_SHARE = 0.8
"""Share of the volume that queues may fill; the rest is for read positions and compaction."""
HOST_PATH = "/var/lib/observability-platform/agent"
"""Where the agent keeps its state on the node. It outlives the pod, so an update loses nothing."""
GATEWAYS = "load_balancing/gateways"
GATEWAY = "otlp_grpc/gateway"
_SIGNALS = 3


def config(context: Context) -> Config:
    """Return the agent's configuration.

    Traces go to the gateway that their trace id says, for a trace can only be judged where all of it is; logs and
    metrics go to any. Files and OTLP find their pod in two ways: a file lies under its pod's uid, which the kubelet
    wrote; an OTLP connection comes from its pod's address.
    """
    return {
        "extensions": pieces.extensions(),
        "receivers": {
            "otlp": {
                "protocols": {
                    "grpc": {"endpoint": f"0.0.0.0:{addresses.OTLP_GRPC}", "max_recv_msg_size_mib": 16},
                    "http": {"endpoint": f"0.0.0.0:{addresses.OTLP_HTTP}"},
                }
            },
            "file_log": log_files.receiver(addresses.AGENT),
        },
        "processors": {
            "memory_limiter": pieces.memory_limiter(context, Workload.COLLECTOR_AGENT),
            "transform/claims": identity.without_claims(),
            "k8s_attributes": identity.kubernetes_attributes([{"from": "connection"}]),
            "k8s_attributes/files": identity.kubernetes_attributes(
                [{"from": "resource_attribute", "name": "k8s.pod.uid"}]
            ),
            "transform/body": log_files.parsed(),
            **redaction.of_otlp_logs(),
            **redaction.of_metrics(context),
            "transform/identity": identity.assigned(context),
            pieces.CUMULATIVE: pieces.cumulative(context, Workload.COLLECTOR_AGENT),
        },
        "exporters": _exporters(context),
        "service": pieces.service(_pipelines()),
    }


def _exporters(context: Context) -> Config:
    volume = context.sizing[Workload.COLLECTOR_AGENT].volume or Bytes("10Gi")
    each = int(volume.mebibytes * 2**20 * QUEUE_SHARE / _SIGNALS)
    plain: Config = {"tls": {"insecure": True}, "compression": COMPRESSION}
    return {
        GATEWAYS: {
            "routing_key": "traceID",
            # dns, not k8s: it needs no rights on EndpointSlices and follows the same records as everything else.
            "resolver": {
                "dns": {
                    "hostname": addresses.gateway_headless(),
                    "port": str(addresses.OTLP_GRPC),
                    "interval": "5s",
                    "timeout": "1s",
                }
            },
            # A gateway that is gone must not be waited for: the outer queue sends again, to those that are there.
            "protocol": {
                "otlp": {
                    **plain,
                    "timeout": "10s",
                    "retry_on_failure": {"enabled": False},
                    "sending_queue": {"enabled": False},
                }
            },
            **delivery(each),
        },
        GATEWAY: {"endpoint": addresses.gateway_endpoint(), **plain, **delivery(each)},
    }


def _pipelines() -> Config:
    """Return the pipelines; what a program wrote is looked at before what the API server says is added."""
    pod, of_pod = ["memory_limiter", "transform/claims"], ["k8s_attributes", "transform/identity"]
    of_file = ["memory_limiter", "k8s_attributes/files", "transform/body", *redaction.OF_LOGS, "transform/identity"]
    return {
        "traces": pipeline(["otlp"], [*pod, *of_pod], [GATEWAYS]),
        "metrics": pipeline(["otlp"], [*pod, *redaction.OF_METRICS, *of_pod, pieces.CUMULATIVE], [GATEWAY]),
        "logs": pipeline(["otlp"], [*pod, *redaction.OF_OTLP_LOGS, *of_pod], [GATEWAY]),
        "logs/files": pipeline(["file_log"], of_file, [GATEWAY]),
    }


def spec(context: Context) -> dict[str, Any]:
    """Return the spec of the agent's OpenTelemetryCollector.

    The operator gives a DaemonSet's Service internalTrafficPolicy Local: a pod reaches the agent of its own node.
    The agent is root, since the kubelet's log files are root's, with no capability and a read-only root file system.
    An update replaces agents without surge: two agents cannot hold one node's queue.
    """
    return {
        **workload.common(context, Workload.COLLECTOR_AGENT, config(context)),
        "mode": "daemonset",
        "serviceAccount": f"{addresses.AGENT}-collector",
        "priorityClassName": "system-node-critical",
        "tolerations": [{"operator": "Exists"}],
        "daemonSetUpdateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
        "env": [
            *workload.environment(context, Workload.COLLECTOR_AGENT),
            {"name": identity.NODE_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        ],
        "podSecurityContext": {"runAsUser": 0, "runAsGroup": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumes": [
            {"name": "pod-logs", "hostPath": {"path": log_files.PODS, "type": "Directory"}},
            {"name": "state", "hostPath": {"path": HOST_PATH, "type": "DirectoryOrCreate"}},
        ],
        "volumeMounts": [
            {"name": "pod-logs", "mountPath": log_files.PODS, "readOnly": True},
            {"name": "state", "mountPath": pieces.STATE},
        ],
    }
