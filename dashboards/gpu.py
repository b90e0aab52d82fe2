"""GPUs and the AI services on them: which service is not ready, and what its GPU does."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.board import Folder, advice, board, row
from dashboards.limits import coloured, drawn
from dashboards.links import runbook, to_menu
from dashboards.panels import stat, target, time_series
from dashboards.queries import SELECTOR

UID = "gpu"
FOLDER = Folder.INFRASTRUCTURE
TEMPERATURE = f"gpu:temperature:celsius{{{SELECTOR}}}"
MEMORY = f"gpu:memory_used:ratio{{{SELECTOR}}}"
READY = f"gpu:service_ready:bool{{{SELECTOR}}}"
SERVICE = "tenant, region, cluster, environment, namespace, container"
NODE = "tenant, region, cluster, environment, node"
GPU = "{{node}} {{gpu}} {{tenant}}/{{pod}}"
SLICE = "{{node}} {{gpu}} {{GPU_I_ID}} {{tenant}}/{{pod}}"
"""Memory is that of a slice where a GPU is cut into some."""


def build() -> Dashboard:
    """Return the dashboard; alerts of rules/gpu.rules.yaml link to it."""
    made = board(UID, "GPU", "Are AI services ready, and what do their GPUs do?")
    return (
        _changes(_time(_affected(_health(made))))
        .with_row(row("What to do?"))
        .with_panel(
            advice(
                UID,
                f"A service: {runbook('AiServiceDown')}, {runbook('AiServiceNotReady')}. "
                f"A GPU: {runbook('GpuTemperatureHigh')}, {runbook('GpuMemoryHigh')}, {runbook('GpuExporterSilent')}.",
                f"Pods of the service: {to_menu('Kubernetes workloads', 'kubernetes-workloads')}.",
                "A panel without data while GPUs are there: the exporter has lost the driver, or is scraped by nobody.",
            )
        )
    )


def _health(made: Dashboard) -> Dashboard:
    ready = f"sum(max by ({SERVICE}) ({READY}))"
    services = f"count(max by ({SERVICE}) ({READY}))"
    return (
        made.with_row(row("Is it healthy?"))
        .with_panel(stat("AI services ready", "With at least one ready pod.", "short", target(ready, "")))
        .with_panel(stat("AI services", "Containers that hold a GPU, by namespace.", "short", target(services, "")))
        .with_panel(
            coloured(
                stat("Hottest GPU", "Of the chosen tenants and regions.", "celsius", target(f"max({TEMPERATURE})", "")),
                "GpuTemperatureHigh",
            )
        )
        .with_panel(
            coloured(
                stat("Fullest GPU", "Share of its memory in use.", "percentunit", target(f"max({MEMORY})", "")),
                "GpuMemoryHigh",
            )
        )
    )


def _affected(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("What is affected?"))
        .with_panel(
            time_series(
                "Ready services",
                "1 where a pod of the service is ready. At 0 for 5 minutes it pages.",
                "none",
                target(f"max by ({SERVICE}) ({READY})", "{{tenant}} {{namespace}}/{{container}}"),
            )
        )
        .with_panel(
            time_series(
                "Ready pods",
                "1 where the pod is ready. At 0 for 15 minutes it warns.",
                "none",
                target(READY, "{{tenant}} {{pod}} {{container}}"),
            )
        )
    )


def _time(made: Dashboard) -> Dashboard:
    return (
        made.with_row(row("Where does the time go?"))
        .with_panel(
            time_series(
                "Utilization",
                "Share of time in which the GPU computed. A slow service whose GPU is idle waits for something else.",
                "percentunit",
                target(f"gpu:utilization:ratio{{{SELECTOR}}}", GPU),
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Memory in use",
                    "Share of the GPU's, or of its slice's, memory. What does not fit fails.",
                    "percentunit",
                    target(MEMORY, SLICE),
                ),
                "GpuMemoryHigh",
            )
        )
        .with_panel(
            drawn(
                time_series(
                    "Temperature",
                    "From 87 to 90 °C a GPU slows down, near 95 °C it switches off.",
                    "celsius",
                    target(TEMPERATURE, GPU),
                ),
                "GpuTemperatureHigh",
            )
        )
        .with_panel(
            time_series(
                "Power",
                "A GPU at its power limit is busy, or throttled where utilization is high and answers are slow.",
                "watt",
                target(
                    f"max by (tenant, region, node, UUID) (DCGM_FI_DEV_POWER_USAGE{{{SELECTOR}}})", "{{node}} {{UUID}}"
                ),
                target(
                    f"max by (tenant, region, node, uuid) (nvidia_smi_power_draw_watts{{{SELECTOR}}})",
                    "{{node}} {{uuid}}",
                ),
            )
        )
    )


def _changes(made: Dashboard) -> Dashboard:
    capacity = f'max by ({NODE}) (kube_node_status_capacity{{{SELECTOR}, resource="nvidia_com_gpu"}})'
    return (
        made.with_row(row("What changed?"))
        .with_panel(
            time_series(
                "GPUs by node",
                "By the API server's word. A node that goes is reclaimed, scaled down or broken.",
                "short",
                target(capacity, "{{node}}"),
            )
        )
        .with_panel(
            time_series(
                "GPUs that nobody speaks of",
                "GPUs of nodes without telemetry; for 10 minutes it warns. Nodes are the platform's.",
                "short",
                target(f"{capacity} > 0 unless on ({NODE}) gpu:node_telemetry:present{{{SELECTOR}}}", "{{node}}"),
            )
        )
        .with_panel(
            time_series(
                "Last XID error",
                "The driver's number of the last failure, 0 for none. 79: the card fell off the bus; 48: memory.",
                "none",
                target(
                    f"max by (tenant, region, node, UUID) (DCGM_FI_DEV_XID_ERRORS{{{SELECTOR}}})", "{{node}} {{UUID}}"
                ),
            ).span(24)
        )
    )
