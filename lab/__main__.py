"""Run the lab from a shell: python -m lab up|preview|refresh|down|status."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, TypeVar

import typer

import tools
from automation.problem import AutomationError
from automation.result import Result
from components.values.context import Context
from lab import fleet
from lab.instance import ROOT, Instance
from lab.lifecycle import Lab, Part, Providers
from lab.removal import Removal
from lab.reporter import Reporter
from lab.telemetry import command
from settings import load, names
from settings.problem import SettingsError

_SHOWN_CHANGES = 50
_SHOWN_TEXT = 200
T = TypeVar("T")

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="One region on one machine: real engine and API server, local AWS. "
    "Exit codes: 0 done; 1 refused or failed, with one sentence that says why; 2 wrong arguments.",
)

Env = Annotated[str, typer.Option("--env", help="Environment: reads Pulumi.<env>.yaml.")]
Region = Annotated[str, typer.Option("--region", help="Region of that environment.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Who = Annotated[Providers, typer.Option("--providers", help="Who answers for resources: ours, or installed plugins.")]
Only = Annotated[Part | None, typer.Option("--only", help="One of the region's two programs; both without it.")]
Root = Annotated[
    Path, typer.Option("--root", help="Repository to run.", show_default=False, exists=True, file_okay=False)
]


@app.command()
def up(
    env: Env = "dev",
    region: Region = "us-east",
    as_json: AsJson = False,
    providers: Who = Providers.STAND_IN,
    only: Only = None,
    root: Root = ROOT,
) -> None:
    """Start what does not run and bring the region up; a second time changes only what differs."""
    lab = _lab(env, region, providers, root)
    results = _checked(lab.instance, lambda: lab.up(only))
    if as_json:
        _print_json([result.document() for result in results])
        return
    standing = results[-1]
    print(f"{lab.instance.stack} stands in the lab (no pods run here):")
    for namespace, kinds in standing.standing.items():
        print(f"  {namespace or 'cluster-wide'}: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    if standing.buckets:
        print("  buckets: " + ", ".join(standing.buckets))
    for name, value in sorted(standing.outputs.items()):
        text = value if isinstance(value, str) else json.dumps(value)
        print(f"  {name}: {text if len(text) <= _SHOWN_TEXT else f'{len(text)} characters of JSON; --json shows it'}")
    kubeconfig, arguments = lab.instance.kubeconfig, f"ENV={env} REGION={region}"
    print(f"Next: KUBECONFIG={kubeconfig} {tools.path('kubectl')} get pods,cm,secret -n {names.NAMESPACE}")
    print(f"      make preview {arguments}   shows what an edit of Pulumi.{env}.yaml changes")
    print(f"      make down {arguments}      removes all of it")


@app.command()
def preview(
    env: Env = "dev",
    region: Region = "us-east",
    as_json: AsJson = False,
    providers: Who = Providers.STAND_IN,
    only: Only = None,
    root: Root = ROOT,
) -> None:
    """Show what `up` would change, field by field; starts the lab where it does not run."""
    lab = _lab(env, region, providers, root)
    _show(_checked(lab.instance, lambda: lab.preview(only)), as_json, f"make up ENV={env} REGION={region}")


@app.command()
def refresh(
    env: Env = "dev",
    region: Region = "us-east",
    as_json: AsJson = False,
    providers: Who = Providers.STAND_IN,
    root: Root = ROOT,
) -> None:
    """Take over into the state what somebody changed in the cluster or the cloud, and show it."""
    lab = _lab(env, region, providers, root)
    _show(_checked(lab.instance, lab.refresh), as_json, f"make preview ENV={env} REGION={region}")


@app.command()
def down(
    env: Env = "dev",
    region: Region = "us-east",
    as_json: AsJson = False,
    providers: Who = Providers.STAND_IN,
    root: Root = ROOT,
) -> None:
    """Destroy the region, end the lab's processes and remove its files; says so when there is no lab."""
    lab = _lab(env, region, providers, root)
    removal: Removal = _checked(lab.instance, lab.down)
    failed = [result for result in removal.results if not result.ok]
    if as_json:
        _print_json(
            {
                "existed": removal.existed,
                "results": [result.document() for result in removal.results],
                "kept": [asdict(kept) for kept in removal.kept],
                "skipped": removal.skipped,
                "processes_ended": removal.ended,
            }
        )
    elif not removal.existed:
        print(f"{lab.instance.stack}: there is no lab; nothing to do. Next: make up ENV={env} REGION={region}")
    else:
        if removal.skipped:
            print(f"Nothing was destroyed one by one: {removal.skipped}.")
        names_kept: dict[tuple[str, str], list[str]] = {}
        for kept in removal.kept:
            names_kept.setdefault((kept.type, kept.reason), []).append(kept.name)
        for (kind, reason), kept_names in sorted(names_kept.items()):
            print(f"  a destroy keeps each {kind} that {reason}: {', '.join(sorted(kept_names))}")
        gone = "; what a destroy keeps went with the lab's cluster and cloud" if removal.kept else ""
        print(f"{lab.instance.stack}: {removal.ended} processes ended, {lab.instance.folder} removed{gone}.")
    if failed:
        for result in failed:
            print("\n".join(result.errors), file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def status(env: Env = "dev", region: Region = "us-east", as_json: AsJson = False, root: Root = ROOT) -> None:
    """Show the lab's processes, their ports and memory, and what the last operations did."""
    lab = _lab(env, region, Providers.STAND_IN, root)
    found = lab.status()
    if as_json:
        _print_json(found)
        return
    if not found["exists"]:
        print(f"{lab.instance.stack}: there is no lab. Next: make up ENV={env} REGION={region}")
        return
    for process in found["processes"]:
        ports = ", ".join(f"{purpose} {port}" for purpose, port in process["ports"].items()) or "-"
        fate = "runs" if process["alive"] else "has ended"
        print(f"{process['name']:26} {fate:10} pid {process['pid']:<8} {process['resident_mb']:7.1f} MB  {ports}")
    for result in found["results"]:
        counts = ", ".join(f"{op} {count}" for op, count in result["counts"].items()) or "nothing"
        fate = "done" if result["ok"] else "FAILED"
        print(f"{result['project']} {result['operation']}: {fate}, {counts}, {result['seconds']} s")


@app.command()
def telemetry(
    env: Env = "dev",
    region: Region = "us-east",
    agents: Annotated[int, typer.Option("--agents", min=1, max=8, help="Nodes that send, each with an agent.")] = 1,
    check: Annotated[
        bool, typer.Option("--check", help="Look for a canary per tenant in all stores, and end.")
    ] = False,
    as_json: AsJson = False,
    root: Root = ROOT,
) -> None:
    """Run the region's collectors, Loki, Tempo, Prometheus and Alertmanager here; brings it up where it is not."""
    lab = _lab(env, region, Providers.STAND_IN, root)

    def run() -> int:
        context = Context(*load.from_file(lab.instance.stack, root.resolve()))
        return command.start(lab, context, agents, check, as_json)

    raise typer.Exit(_checked(lab.instance, run))


@app.command(name="fleet", context_settings={"ignore_unknown_options": True})
def run_on_fleet(
    arguments: Annotated[list[str], typer.Argument(help="Command, behind --: python -m automation preview --env dev")],
    env: Env = "dev",
    providers: Who = Providers.STAND_IN,
    root: Root = ROOT,
) -> None:
    """Start a lab for every region of an environment, and run a command of the driver on them."""
    try:
        with fleet.standing(env, Reporter(), root.resolve(), providers=providers) as variables:
            done = subprocess.run(arguments, env={**os.environ, **variables}, check=False)
    except (AutomationError, SettingsError, tools.ToolError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    raise typer.Exit(done.returncode)


def _lab(env: str, region: str, providers: Providers, root: Path) -> Lab:
    return Lab(names.stack(env, region), Reporter(), providers, root.resolve())


def _checked(instance: Instance, action: Callable[[], T]) -> T:
    """Run an action; a known refusal becomes its sentence, anything else a sentence and a traceback in the log."""
    sys.excepthook = lambda kind, error, trace: _crash(instance, kind, error, trace)
    try:
        return action()
    except (AutomationError, SettingsError, tools.ToolError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on from here, 'python -m lab down' removes it.", file=sys.stderr)
        raise typer.Exit(1) from None


def _crash(instance: Instance, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    text = "".join(traceback.format_exception(kind, error, trace))
    if instance.logs.is_dir():
        log = instance.logs / "lab.log"
        log.write_text(text)
        text = f"see {log}, and run 'python -m lab down' if it stays"
    print(f"lab {instance.stack}: {kind.__name__}: {error}; this is a fault of the lab: {text}", file=sys.stderr)


def _show(results: list[Result], as_json: bool, following: str) -> None:
    if as_json:
        _print_json([result.document() for result in results])
        return
    for result in results:
        for change in result.changes[:_SHOWN_CHANGES]:
            paths = f": {', '.join(change.paths)}" if change.paths else ""
            print(f"  {change.op} {change.name}{paths}")
        if len(result.changes) > _SHOWN_CHANGES:
            print(f"  and {len(result.changes) - _SHOWN_CHANGES} more; --json shows all")
        print(result.summary())
    print(f"Next: {following}")


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=2, default=str))


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    app()
