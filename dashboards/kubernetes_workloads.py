"""Workloads of the tenants' namespaces: what does not run, what restarts, and what it uses of what it asked for."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import nodes_volumes, variables
from dashboards.board import Folder, advice, board, row
from dashboards.compared import compared
from dashboards.limits import drawn
from dashboards.links import runbook, to_menu
from dashboards.panels import levels, stat, target, time_series, with_limits
from dashboards.queries import SELECTOR
from dashboards.tables import Column, table

UID = "kubernetes-workloads"
FOLDER = Folder.INFRASTRUCTURE
IN_NAMESPACE = 'namespace=~"$namespace"'
CHOSEN = f"{SELECTOR}, {IN_NAMESPACE}"
BY = "tenant, region, namespace"
POD = "{{tenant}} {{namespace}}/{{pod}}"
REPLICAS = f"kube_deployment_spec_replicas{{{CHOSEN}}}"
AVAILABLE = f"kube_deployment_status_replicas_available{{{CHOSEN}}}"
RESTARTS = f"increase(kube_pod_container_status_restarts_total{{{CHOSEN}}}[1h])"


def build() -> Dashboard:
    """Return the dashboard; the service overview leads here for pods."""
    namespace = variables.query("namespace", "Namespace", f"label_values(kube_pod_info{{{SELECTOR}}}, namespace)")
    made = board(UID, "Kubernetes workloads", "What does not run, and what does it use?", namespace)
    return (
        _changes(_beneath(_time(_containers(_affected(_health(made))))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                "Fewer pods than wanted: `kubectl -n <namespace> describe deploy <name>`, then its pods' events.",
                "Restarts: the log of the container before (`kubectl logs --previous`), or "
                f"{to_menu('Logs explorer', 'logs-explorer')}.",
                f"A target that is down: {runbook('TargetDown')}. The service itself: "
                f"{to_menu('Service overview', 'service-overview')}. GPUs: {to_menu('GPU', 'gpu')}.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    missing = f"sum(clamp_min({REPLICAS} - {AVAILABLE}, 0))"
    waiting = f'sum(kube_pod_container_status_waiting_reason{{{CHOSEN}, reason!="ContainerCreating"}}) or vector(0)'
    pending = f'sum(kube_pod_status_phase{{{CHOSEN}, phase="Pending"}})'
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(
            stat("Pods missing", "Wanted by Deployments and not available.", "short", target(missing, "")).thresholds(
                levels(yellow=1)
            )
        )
        .with_panel(
            stat(
                "Pending", "Pods that no node has taken, or that wait for a volume.", "short", target(pending, "")
            ).thresholds(levels(yellow=1))
        )
        .with_panel(
            stat("Failing to start", "Containers that wait with an error.", "short", target(waiting, "")).thresholds(
                levels(yellow=1)
            )
        )
        .with_panel(
            stat("Restarts", "Of containers, in the last hour.", "short", target(f"sum({RESTARTS})", "")).thresholds(
                levels(yellow=1)
            )
        )
    )


def _affected(made: Dashboard) -> Dashboard:
    labels = {
        "tenant": Column("Tenant"),
        "region": Column("Region"),
        "namespace": Column("Namespace"),
        "deployment": Column("Deployment"),
    }
    by = f"{BY}, deployment"
    short = [(None, "green"), (1.0, "red")]
    return (
        made.with_row(row("What is affected?"))
        .with_panel(
            table(
                "Deployments",
                "Those with most missing pods on top.",
                labels,
                Column("Missing", "short", f"sum by ({by}) (clamp_min({REPLICAS} - {AVAILABLE}, 0))", short),
                Column("Wanted", "short", f"sum by ({by}) ({REPLICAS})"),
                Column("Available", "short", f"sum by ({by}) ({AVAILABLE})"),
            )
        )
        .with_panel(
            time_series(
                "Restarts in an hour",
                "The fifteen containers that restart most.",
                "short",
                target(f"topk(15, sum by ({BY}, pod, container) ({RESTARTS}) > 0)", f"{POD} {{{{container}}}}"),
            )
        )
        .with_panel(
            time_series(
                "Reasons of the last end",
                "OOMKilled: the limit is too low, or memory leaks. Error: it ended itself.",
                "short",
                target(
                    f"sum by ({BY}, reason) (kube_pod_container_status_last_terminated_reason{{{CHOSEN}}})",
                    "{{tenant}} {{namespace}} {{reason}}",
                ),
            )
        )
    )


def _containers(made: Dashboard) -> Dashboard:
    """Add what alerts on containers and rollouts compare."""
    container = f"{POD} {{{{container}}}}"
    return (
        made.with_panel(
            drawn(
                time_series(
                    "Restarts in 15 minutes",
                    "The fifteen containers that restart most.",
                    "short",
                    target(f"topk(15, {compared('ContainerRestarting', IN_NAMESPACE)})", container),
                ),
                "ContainerRestarting",
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Containers that restart, by namespace",
                    "How many did within 10 minutes; many at once have one cause.",
                    "short",
                    target(compared("RestartStorm", IN_NAMESPACE), "{{tenant}} {{namespace}}"),
                ),
                "RestartStorm",
            )
        )
        .with_panel(
            time_series(
                "Killed for memory",
                "Restarts within 10 minutes of containers that the kernel ended at their limit.",
                "short",
                target(compared("ContainerOomKilled", IN_NAMESPACE), container),
            )
        )
        .with_panel(
            time_series(
                "Rollouts that got stuck",
                "1 where a Deployment came to its progress deadline: new pods do not get ready.",
                "short",
                target(compared("DeploymentStuck", IN_NAMESPACE), "{{tenant}} {{namespace}}/{{deployment}}"),
            )
        )
    )


def _beneath(made: Dashboard) -> Dashboard:
    made = made.with_row(row("Do nodes and volumes hold?"))
    for panel in nodes_volumes.panels(IN_NAMESPACE):
        made = made.with_panel(panel)
    return made


def _time(made: Dashboard) -> Dashboard:
    cpu = f'sum by ({BY}, pod) (rate(container_cpu_usage_seconds_total{{{CHOSEN}, container!=""}}[$__rate_interval]))'
    asked = f'sum by ({BY}, pod) (kube_pod_container_resource_requests{{{CHOSEN}, resource="cpu"}})'
    memory = compared("ContainerMemoryPressure", IN_NAMESPACE)
    throttled, periods = (
        f"sum by ({BY}, pod) (rate(container_cpu_cfs_{kind}periods_total{{{CHOSEN}}}[$__rate_interval]))"
        for kind in ("throttled_", "")
    )
    received, sent = (
        f"sum by ({BY}) (rate(container_network_{kind}_bytes_total{{{CHOSEN}}}[$__rate_interval]))"
        for kind in ("receive", "transmit")
    )
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            with_limits(
                time_series(
                    "CPU of request",
                    "The fifteen highest. Above 1 a pod borrows what others may need back.",
                    "percentunit",
                    target(f"topk(15, {cpu} / {asked})", POD),
                ),
                0.8,
                1,
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Memory of limit",
                    "The fifteen highest. At 1 the kernel kills the container.",
                    "percentunit",
                    target(f"topk(15, {memory})", f"{POD} {{{{container}}}}"),
                ),
                "ContainerMemoryPressure",
            )
        )
        .with_panel(
            with_limits(
                time_series(
                    "CPU throttling",
                    "Share of scheduling periods in which a pod had to wait for its CPU limit. It is latency.",
                    "percentunit",
                    target(f"topk(15, {throttled} / ({periods} > 0))", POD),
                ),
                0.1,
                0.25,
            )
        )
        .with_panel(
            time_series(
                "Network",
                "Bytes per second by namespace.",
                "Bps",
                target(received, "{{tenant}} {{namespace}} in"),
                target(sent, "{{tenant}} {{namespace}} out"),
            )
        )
    )


def _changes(made: Dashboard) -> Dashboard:
    running = f'sum by ({BY}) (kube_pod_status_phase{{{CHOSEN}, phase="Running"}})'
    rollout = f"changes(kube_deployment_status_observed_generation{{{CHOSEN}}}[5m])"
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            time_series(
                "Running pods",
                "A step is a rollout, a scaling, or a node that went.",
                "short",
                target(running, "{{tenant}} {{namespace}}"),
            )
        )
        .with_panel(
            time_series(
                "Changes of Deployments",
                "Changes of a Deployment's specification in 5 minutes: a rollout, or a scaling.",
                "short",
                target(f"sum by ({BY}, deployment) ({rollout}) > 0", "{{tenant}} {{namespace}}/{{deployment}}"),
            )
        )
    )
