"""`python -m automation verify`: gate a rollout on a canary that goes in and comes out."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from automation.commands.options import AsJson, Env, show, show_json, tell
from automation.problem import AutomationError, Exit
from automation.verify import checks
from automation.verify.checks import Check
from automation.verify.endpoints import inside
from components.values.context import Context
from settings import load, names

TOKEN_VARIABLE: Final = "OBSERVABILITY_TOKEN"  # noqa: S105 - the name of a variable
"""Environment variable with the bearer token; an argument would show in the list of processes."""


def verify(
    env: Env,
    region: Annotated[str, typer.Option("--region", help="Region of that environment.")],
    tenant: Annotated[
        list[str], typer.Option("--tenant", help="Whose namespace this runs in; repeat with --source for several.")
    ],
    otlp: Annotated[str, typer.Option("--otlp", help="OTLP/HTTP of an agent; the cluster's own without it.")] = "",
    loki: Annotated[str, typer.Option("--loki", help="Loki, or the access proxy's address for it.")] = "",
    tempo: Annotated[str, typer.Option("--tempo", help="Tempo, or the access proxy's address for it.")] = "",
    prometheus: Annotated[str, typer.Option("--prometheus", help="Prometheus, or the access proxy's.")] = "",
    source: Annotated[
        list[str] | None, typer.Option("--source", help="TENANT=ADDRESS: local address to send a tenant's from.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help=f"File with a bearer token; or ${TOKEN_VARIABLE}.")
    ] = None,
    deadline: Annotated[float, typer.Option("--deadline", min=1, help="Seconds to wait.")] = checks.DEADLINE_SECONDS,
    as_json: AsJson = False,
) -> int:
    """Send a canary trace, log and metric as a tenant, and find them in Tempo, Loki and Prometheus."""
    context = Context(*load.from_file(names.stack(env, region)))
    _refuse_unknown(tenant, context)
    given = {"otlp": otlp, "loki": loki, "tempo": tempo, "prometheus": prometheus}
    endpoints = dataclasses.replace(
        inside(context, _token(token_file)),
        **{name: url for name, url in given.items() if url},
        sources=_sources(source or [], tenant),
    )
    found = checks.run(endpoints, tenant, context.identity, deadline=deadline, say=_progress)
    if as_json:
        show_json([dataclasses.asdict(check) for check in found])
    else:
        show(_text(found, names.stack(env, region)))
    return Exit.OK if all(check.ok for check in found) else Exit.FAILED


def _refuse_unknown(tenants: list[str], context: Context) -> None:
    allowed = [*context.tenants, names.PLATFORM_TENANT]
    for name in tenants:
        if name not in allowed:
            raise AutomationError(
                f"--tenant: {name!r} is no tenant of {context.environment}.{context.name}; "
                f"allowed: {', '.join(allowed)}."
            )


def _sources(given: list[str], tenants: list[str]) -> dict[str, str]:
    """Return the local address of each tenant that has one.

    Raises:
        AutomationError: an entry is not TENANT=ADDRESS, or several tenants would be sent from one pod.
    """
    found: dict[str, str] = {}
    for entry in given:
        name, _, address = entry.partition("=")
        if name not in tenants or not address:
            raise AutomationError(f"--source: {entry!r} must be TENANT=ADDRESS with a tenant given by --tenant.")
        found[name] = address
    if len(tenants) > 1 and set(found) != set(tenants):
        missing = ", ".join(name for name in tenants if name not in found)
        raise AutomationError(
            f"--tenant: {missing} would be sent from this pod's one address, and an agent knows a tenant by the "
            "pod's namespace; run once per tenant in its namespace, or give --source for each."
        )
    return found


def _token(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except OSError as error:
        raise AutomationError(f"--token-file: {file} cannot be read ({error.strerror}).") from None


def _text(found: list[Check], stack: str) -> str:
    lines = [
        f"{'ok    ' if each.ok else 'FAILED'}  {each.tenant:<20}  {each.name:<6}  {each.found}"
        + ("" if each.ok else f" (expected {each.expected})")
        + f", {each.seconds:g} s"
        for each in found
    ]
    failed = sum(not each.ok for each in found)
    if failed:
        lines.append(f"{stack}: {failed} of {len(found)} failed; next: docs/telemetry.md, 'When something is missing'.")
    else:
        lines.append(f"{stack}: takes signals in and gives them back; next: roll out the next region.")
    return "\n".join(lines)


def _progress(text: str) -> None:
    tell(f"verify: {text}")
