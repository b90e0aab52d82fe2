"""`python -m lab telemetry`: a region's telemetry on this machine, to look at or to check."""

from __future__ import annotations

import dataclasses
import json
import signal
import threading
from contextlib import ExitStack
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from automation import verify
from automation.verify import Check
from components.values.context import Context
from lab import cloud, cluster
from lab.lifecycle import Lab
from lab.problem import LabError
from lab.telemetry import ending, run
from lab.telemetry.run import Telemetry
from settings.vocabulary import Topology

BUDGET_MB: Final = 4_000.0
"""What the whole run may take, the lab's API server and cloud among it."""
_CANARY: Final = "canary"


def start(lab: Lab, context: Context, agents: int, check: bool, as_json: bool) -> int:
    """Bring the region up if need be, start its telemetry, and stay until interrupted or checked.

    Args:
        lab: the region's lab.
        context: its settings.
        agents: how many nodes send.
        check: send a canary per tenant, look for it in all three stores, and end.
        as_json: print JSON on standard output, and no tables.

    Returns:
        0, or 1 when a check fails.

    Raises:
        LabError, ToolError, SettingsError: something does not come up, or the region's topology is not run here.
    """
    refuse(lab.instance.stack, context.platform.layout)
    _ensure_up(lab)
    with ExitStack() as stack:
        with lab.instance.locked(), lab.reporter.step("telemetry"):
            telemetry = stack.enter_context(run.standing(lab, agents))
        document = _document(lab, telemetry)
        if not as_json:
            _show(document, telemetry, context)
        if not check:
            if as_json:
                _print(json.dumps(document, indent=2))
            _wait(lab)
            if not ending.is_ours(lab.instance):
                lab.reporter.say(
                    f"lab {lab.instance.stack}: another command (lab down, up or telemetry) ends this run, and removes "
                    "what is left of it."
                )
            return 0
        checks = _checked(lab, telemetry, context)
        ok = all(each.ok for each in checks)
        if as_json:
            found = [dataclasses.asdict(each) for each in checks]
            _print(json.dumps({**document, "ok": ok, "checks": found}, indent=2))
        else:
            _show_checks(checks, ok)
        return 0 if ok else 1


def refuse(stack: str, layout: Topology) -> None:
    """Refuse a region whose programs are not the ones that run here, before anything is brought up.

    Raises:
        LabError: Loki and Tempo are a dozen workloads that find each other by Services and rings, which no swap of
            addresses puts on one machine. How each role is configured is tested on its own.
    """
    if layout is not Topology.SINGLE_BINARY:
        raise LabError(
            f"lab {stack}: topology is {str(layout)!r}; the telemetry run starts 'single_binary' only, one process "
            "each of Loki and Tempo. Run it with --env dev: its collectors' pipelines are the same."
        )


def _ensure_up(lab: Lab) -> None:
    results = lab.status()["results"] if lab.instance.exists() else []
    stands = any(each["operation"] == "up" and each["ok"] and each["project"] != "crds" for each in results)
    if not (stands and lab.processes.running(*cluster.NAMES, cloud.NAME)):
        lab.up()


def _checked(lab: Lab, telemetry: Telemetry, context: Context) -> list[Check]:
    sources = {
        name: telemetry.pod(tenant.namespaces[0], _CANARY, _CANARY).address for name, tenant in context.tenants.items()
    }
    endpoints = telemetry.endpoints
    places = verify.Endpoints(
        endpoints.agents[0].otlp_http, endpoints.loki, endpoints.tempo, endpoints.prometheus, sources
    )
    with lab.reporter.operation("checks"):
        return verify.run(places, list(sources), context.identity, say=lab.reporter.say)


def _document(lab: Lab, telemetry: Telemetry) -> dict[str, Any]:
    """Return what runs: the run's programs with ports and memory, and the memory of all with the lab's own."""
    names = {process.name for process in telemetry.processes}
    children = lab.processes.recorded().values()
    return {
        "stack": lab.instance.stack,
        "processes": [
            {"name": each.name, "pid": each.pid, "ports": each.ports, "resident_mb": each.resident_mb()}
            for each in children
            if each.name in names
        ],
        "endpoints": dataclasses.asdict(telemetry.endpoints),
        "resident_mb": round(sum(each.resident_mb() for each in children), 1),
        "budget_mb": BUDGET_MB,
    } | {"folder": str(telemetry.folder)}


def _show(document: dict[str, Any], telemetry: Telemetry, context: Context) -> None:
    table = Table("program", "pid", "MB", "ports on 127.0.0.1", title=f"{document['stack']}: telemetry", box=None)
    for process in document["processes"]:
        ports = ", ".join(f"{purpose} {port}" for purpose, port in process["ports"].items())
        table.add_row(process["name"], str(process["pid"]), f"{process['resident_mb']:.0f}", ports)
    console = Console(highlight=False)
    console.print(table)
    _print(f"Together with the lab itself {document['resident_mb']:.0f} MB of {BUDGET_MB:.0f} MB at most.")
    tenant, entry = next(iter(context.tenants.items()))
    pod = telemetry.pod(entry.namespaces[0], "shell", "shell")
    endpoints, org = telemetry.endpoints, f"-H 'X-Scope-OrgID: {tenant}'"
    sender = f"--otlp {pod.agent.otlp_http} --source {pod.address} --namespace {pod.namespace}"
    _print(f"Try:  .venv/bin/python -m lab.signals {sender}")
    _print(
        f"      curl -sG {org} {endpoints.loki}/loki/api/v1/query_range --data-urlencode 'query={{level=\"error\"}}'"
    )
    _print(f"      curl -sG {org} {endpoints.tempo}/api/search --data-urlencode 'q={{status=error}}'")
    _print(f"Metrics and alerts: {endpoints.prometheus} and {endpoints.alertmanager}.")


def _show_checks(checks: list[Check], ok: bool) -> None:
    table = Table("check", "tenant", "", "seconds", box=None)
    for each in checks:
        fate = "ok" if each.ok else f"FAILED: wanted {each.expected}, found {each.found}"
        table.add_row(each.name, each.tenant, fate, f"{each.seconds:.1f}")
    Console(highlight=False, soft_wrap=True).print(table)
    _print(
        "Next: make telemetry stays and says how to look at it; make down removes the region."
        if ok
        else "Next: the programs' logs are in the lab's folder, below logs."
    )


def _wait(lab: Lab) -> None:
    """Stay until an interrupt or a polite end; the first of either is no failure."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    lab.reporter.say("Stays until Ctrl-C; the lab itself stays up after that, 'make down' removes it.")
    ended.wait()


def _print(text: str) -> None:
    Console(highlight=False, soft_wrap=True, markup=False).print(text)
