"""Send a shop's signals from a shell: python -m lab.signals --otlp http://127.0.0.1:4318."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from lab.problem import LabError
from lab.signals import send
from lab.signals.path import CHECKOUT, SHORT
from lab.signals.plan import Plan, Pod


def main(
    otlp: Annotated[str, typer.Option("--otlp", help="OTLP/HTTP of an agent.")],
    namespace: Annotated[str, typer.Option(help="Of the pod that the connection comes from; for log lines.")] = "shop",
    source: Annotated[str | None, typer.Option(help="Local address to send from: the pod's.")] = None,
    traces: Annotated[int, typer.Option(help="How many requests.")] = 1_000,
    per_second: Annotated[float | None, typer.Option(help="Requests per second; as fast as taken without it.")] = None,
    error_share: Annotated[float, typer.Option(help="Share of requests that fail, 0 to 1.")] = 0.05,
    slow_share: Annotated[float, typer.Option(help="Share of requests that are slow, 0 to 1.")] = 0.05,
    users: Annotated[int, typer.Option(help="Distinct user ids.")] = 50,
    seed: Annotated[int, typer.Option(help="Same seed, same ids.")] = 1,
    short: Annotated[bool, typer.Option("--short", help="Three spans a request, without logs and metrics.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print counts as JSON.")] = False,
) -> None:
    """Send requests of a shop as spans, log lines and metrics, and say exactly what was taken."""
    plan = Plan(
        traces=traces,
        seed=seed,
        error_share=error_share,
        slow_share=slow_share,
        namespaces=(namespace,),
        path=SHORT if short else CHECKOUT,
        users=users,
        logs=not short,
        metrics=not short,
        per_second=per_second,
        # Once a second at a given rate: what comes in between waits, as in an SDK.
        chunk=500 if per_second is None else max(1, round(per_second)),
    )
    sent = send.run(
        plan, [Pod(namespace, otlp.rstrip("/"), source=source)], say=lambda text: print(text, file=sys.stderr)
    )
    if as_json:
        print(json.dumps(sent.summary(), indent=2))
        return
    for name, value in sent.summary().items():
        print(f"{name}: {value}")
    failed = next((ids for ids in sent.traces.values() if ids), ["none"])
    print(f"Next: look for trace {failed[0]} in Tempo, Loki and Prometheus (docs/telemetry.md).")


if __name__ == "__main__":
    try:
        typer.run(main)
    except LabError as error:
        sys.exit(str(error))
