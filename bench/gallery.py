"""`python -m bench.gallery`: the gallery of dashboards with seeded data, from a real Prometheus, Loki and Tempo.

Prometheus has the recorded samples of every exporter and what the rules that ship make of them, Loki and Tempo run from
the region's own configurations and have lines and traces of the lab's signals: no cluster is needed, and two runs draw
the same curves.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import requests
import typer
import yaml

import tools
from automation import rendering
from automation.annotations import Deploy
from automation.verify import otlp
from automation.waiting import until
from bench import samples
from bench.backfill import Backfilled
from bench.gallery_samples import MINUTE, SHOWN, fill
from charts.pull import resolve
from components.values import logs as logs_values
from components.values import traces as traces_values
from components.values.context import Context
from components.values.datasources import org_ids
from dashboards import __main__ as dashboards_command
from lab import stores
from lab.instance import Instance
from lab.problem import LabError
from lab.process import Processes
from lab.signals import logs
from lab.signals.plan import Plan
from lab.signals.traces import Maker, Request
from settings import load, names

SPAN: Final = "3h"
"""What each panel shows; the samples reach back as far as its queries look besides."""
REQUESTS: Final = 900
RECENT: Final = 12 * MINUTE
"""Traces older than this Tempo looks for in its bucket only, where they are after a while."""
TIMEOUT_SECONDS: Final = 30.0
SECONDS: Final = 90.0
"""Until Tempo finds what it took: it waits for a trace's further spans first, on a busy machine longer."""
SOURCE: Final = (
    "Drawn from recorded samples of every exporter in a real Prometheus with the rules that ship, and from seeded "
    "lines and traces in a real Loki and Tempo."
)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def gallery(
    out: Annotated[Path, typer.Option("--out", help="Folder of the page.")] = Path("out/gallery"),
    save: Annotated[Path | None, typer.Option("--save", help="File to keep the answers in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
) -> None:
    """Start the stores, feed them, draw every dashboard, and end."""
    started = time.monotonic()
    context = Context(*load.from_file("dev.us-east"))
    # Not before what Tempo takes: it dates a block by its arrival. Round, so that the same marks are on each time axis.
    end = int(time.time()) // (10 * MINUTE) * 10 * MINUTE + 10 * MINUTE
    folder = Path(tempfile.mkdtemp(prefix="gallery-"))
    try:
        with stores.running(folder) as backends:
            instance = Instance("gallery", folder / "metrics")
            instance.create()
            processes = Processes(instance)
            try:
                _say("starts Prometheus, Loki and Tempo")
                prometheus = Backfilled(processes, folder / "metrics" / "prometheus")
                loki = backends.loki(*_loki(context))
                tempo, spans = backends.tempo(*_tempo(context), prometheus.url)
                _say("sends lines and traces")
                send(context, loki, spans, int(time.time()))
                _say("backfills samples and what rules record of them")
                fill(prometheus, context, end)
                if not until(lambda: _found(tempo, context), SECONDS):
                    raise LabError(f"Tempo finds none of the traces that it took after {SECONDS:.0f} s.")
                arguments = ["--prometheus", prometheus.url, "--loki", loki, "--tempo", tempo, "--end", str(end)]
                arguments += ["--org-id", org_ids(context), "--range", SPAN, "--source", SOURCE, "--out", str(out)]
                arguments += ["--annotations", str(_deploys(context, end, folder / "deploys.json"))]
                arguments += [*(["--save", str(save)] if save else []), *(["--json"] if as_json else [])]
                code = dashboards_command.run(["gallery", *arguments])
            finally:
                processes.stop()
    except LabError as error:
        _say(str(error))
        code = 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _say(f"took {time.monotonic() - started:.0f} s")
    raise typer.Exit(code)


def send(context: Context, loki: str, spans: str, end: int) -> None:
    """Send the lines of some hundred requests to Loki, spread over what is shown, and the spans of the last to Tempo.

    Args:
        context: whose tenants take turns with the requests.
        loki: its address.
        spans: Tempo's address for OTLP over HTTP.
        end: of the last request, seconds since the epoch.

    Raises:
        LabError, AutomationError: a store refuses.
    """
    tenant_of = {tenant.namespaces[0]: name for name, tenant in context.tenants.items()}
    plan = Plan(REQUESTS, seed=6, error_share=0.06, slow_share=0.05, orphan_share=0.02, namespaces=tuple(tenant_of))
    maker = Maker(plan)
    senders = {name: otlp.Client(spans, headers={"X-Scope-OrgID": name}) for name in tenant_of.values()}
    streams: dict[str, dict[tuple[str, ...], list[list[Any]]]] = {name: {} for name in tenant_of.values()}
    for number in range(REQUESTS):
        # Denser towards the end, as traffic in the morning is.
        at = end - SHOWN * (1 - (number / REQUESTS) ** 0.7)
        (request,) = maker.requests(number, 1, int(at * 1e9))
        for line in logs.lines(plan, request):
            streams[tenant_of[line.namespace]].setdefault((line.service, line.namespace, line.level), []).append(
                [str(line.time_ns), line.body, {"trace_id": line.trace_id, "span_id": line.span_id}]
            )
        if at >= end - RECENT:
            name = tenant_of[request.namespace]
            senders[name].send(_spans(plan, request, name, context))
    first = context.tenants[next(iter(context.tenants))].namespaces[0]
    streams[tenant_of[first]]["orders-db", first, "info"] = _plans(end)
    for name, own in streams.items():
        _push(loki, name, own, context)


def _spans(plan: Plan, request: Request, tenant: str, context: Context) -> otlp.Request:
    groups: dict[str, list[Any]] = {}
    for hop, span in zip(plan.path.hops, request.spans, strict=True):
        if span is not None:
            groups.setdefault(hop.service, []).append(span)
    identity: dict[str, otlp.Value] = {names.TENANT_LABEL: tenant, **samples.identity(context.name)}
    return otlp.of_spans(
        (otlp.resource({"service.name": service, **identity}), spans) for service, spans in groups.items()
    )


def _found(tempo: str, context: Context) -> bool:
    """Return whether Tempo finds a trace that failed: it looks into what it has not cut to its head block not yet."""
    session = requests.Session()
    session.trust_env = False
    headers = {"X-Scope-OrgID": org_ids(context)}
    answer = session.get(
        f"{tempo}/api/search", params={"q": "{status=error}"}, headers=headers, timeout=TIMEOUT_SECONDS
    )
    return answer.ok and bool(answer.json().get("traces"))


def _plans(end: int) -> list[list[Any]]:
    """Return lines in which PostgreSQL logs the plan of a slow statement, as auto_explain writes them."""
    made = []
    for number in range(180):
        at = end - SHOWN + number * MINUTE
        ms = 1200 + 500 * math.sin(number / 7) + number % 5 * 40
        plan = '{"Query Text": "SELECT * FROM orders WHERE customer = $1", "Plan": {"Node Type": "Seq Scan"}}'
        made.append([str(at * 10**9), f"duration: {ms:.3f} ms  plan:\n{plan}", {"query_id": "-77"}])
    return made


def _push(loki: str, tenant: str, streams: Mapping[tuple[str, ...], list[list[Any]]], context: Context) -> None:
    """Send lines with the labels that the agents give them."""
    identity = {names.TENANT_LABEL: tenant, **samples.identity(context.name)}
    body = []
    for (service, namespace, level), values in streams.items():
        labels = {**identity, "service_name": service, "k8s_namespace_name": namespace, "level": level}
        body.append({"stream": labels, "values": values})
    session = requests.Session()
    session.trust_env = False
    address, headers = f"{loki}/loki/api/v1/push", {"X-Scope-OrgID": tenant}
    answer = session.post(address, json={"streams": body}, headers=headers, timeout=TIMEOUT_SECONDS)
    if not answer.ok:
        raise LabError(f"Loki refuses the lines of {tenant}: {answer.status_code} {answer.text.strip()[:300]}")


def _loki(context: Context) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Loki's configuration and its limits by tenant, as the chart writes them."""
    files = _files("loki", "loki", logs_values.helm_values(context))
    return yaml.safe_load(files["config.yaml"]), yaml.safe_load(files["runtime-config.yaml"])["overrides"]


def _tempo(context: Context) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Tempo's configuration and its limits by tenant, as the chart writes them."""
    files = _files("tempo", traces_values.chart(context), traces_values.helm_values(context))
    return yaml.safe_load(files["tempo.yaml"]), yaml.safe_load(files["overrides.yaml"])["overrides"]


def _deploys(context: Context, end: int, file: Path) -> Path:
    """Write two deploys of the first tenant, as `annotate` marks them, and return the file."""
    tenant, entry = next(iter(context.tenants.items()))
    namespace = entry.namespaces[0]
    deploys = [
        Deploy(namespace, tenant, commit, service).body(context.name, end - back)
        for commit, service, back in (("3f2a91c", "storefront", 130 * MINUTE), ("b81d04e", "orders", 40 * MINUTE))
    ]
    file.write_text(json.dumps(deploys), encoding="utf-8")
    return file


def _files(release: str, chart: str, values: Mapping[str, Any]) -> dict[str, str]:
    helm = str(tools.ensure("helm")["helm"])
    done = rendering.template(helm, release, resolve({})[chart], values, names.NAMESPACE)
    if done.returncode:
        raise LabError(f"helm refuses {chart}: {done.stderr.strip()}")
    maps = [each for each in rendering.objects(done.stdout) if each["kind"] == "ConfigMap"]
    return {key: text for each in maps for key, text in each["data"].items()}


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    app()
