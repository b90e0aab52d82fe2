"""`annotate`: a deploy as a mark on the time axis of every dashboard of the regions that it reaches.

Pipelines of applications run this after a deploy. The mark is an annotation of Grafana's organization, found by its
tags: dashboards show those that carry DEPLOY_TAG.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import requests
import typer

from automation.commands.options import AsJson, Env, Regions, show, show_json
from automation.problem import AutomationError, Exit
from automation.secret_values import Store
from components.values.context import Context
from dashboards.board import DEPLOY_TAG
from settings import load, names

TOKEN_VARIABLE: Final = "GRAFANA_TOKEN"  # noqa: S105 - the name of a variable
"""Environment variable with the token of a Grafana service account; an argument would show in the list of processes."""
SHORT: Final = 7
"""Characters of a commit id in a mark, as git abbreviates it."""
TIMEOUT_SECONDS: Final = 10.0
_COMMIT: Final = re.compile(r"[0-9a-f]{7,40}")
_SERVICE: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Deploy:
    """What was deployed."""

    namespace: str
    tenant: str
    commit: str
    """Short id."""
    service: str | None = None

    def body(self, region: str, at: float) -> dict[str, Any]:
        """Return the body of `POST /api/annotations`.

        Args:
            region: where.
            at: when, in seconds since the epoch.
        """
        tags = [
            DEPLOY_TAG,
            f"{names.TENANT_LABEL}:{self.tenant}",
            f"{names.REGION_LABEL}:{region}",
            f"namespace:{self.namespace}",
            f"commit:{self.commit}",
        ]
        what = self.namespace if self.service is None else f"{self.namespace}/{self.service}"
        tags += [] if self.service is None else [f"service:{self.service}"]
        return {"time": round(at * 1000), "tags": tags, "text": f"{what} {self.commit}"}


@dataclass(frozen=True)
class Mark:
    """What one region's Grafana answered."""

    region: str
    grafana: str
    id: int | None
    """Of the annotation; None where there is none."""
    error: str | None = None


def annotate(
    namespace: Annotated[str, typer.Option("--namespace", help="Namespace that was deployed to; tells the tenant.")],
    commit: Annotated[str, typer.Option("--commit", help="Commit that was deployed; its first 7 characters show.")],
    env: Env = "prod",
    region: Regions = None,
    tenant: Annotated[str, typer.Option("--tenant", help="Refuse unless the namespace is this tenant's.")] = "",
    service: Annotated[str, typer.Option("--service", help="Service that was deployed.")] = "",
    grafana: Annotated[str, typer.Option("--grafana", help="Grafana's address; each region's own without it.")] = "",
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help=f"File with a service account's token; ${TOKEN_VARIABLE} without it."),
    ] = None,
    token_secret: Annotated[
        str, typer.Option("--token-secret", help="Name of a secret with it in the store of each region, read there.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Mark a deploy on every dashboard of the regions that it reached."""
    contexts = _contexts(env, region or [])
    deploy = described(contexts, namespace, commit, tenant, service)
    reached = [each for each in contexts if deploy.tenant in {*each.tenants, names.PLATFORM_TENANT}]
    tokens = _tokens(reached, token_file, token_secret)
    now = time.time()
    marks = [
        mark(grafana or names.grafana_url(each.platform, each.name), tokens[each.name], deploy, each.name, now)
        for each in reached
    ]
    failed = [each for each in marks if each.error is not None]
    if as_json:
        show_json({"deploy": asdict(deploy), "marks": [asdict(each) for each in marks]})
    for each in marks if not as_json else []:
        if each.error is None:
            show(f"{each.region}: {deploy.namespace} {deploy.commit} is marked (annotation {each.id}).")
    if failed:
        raise AutomationError("\n".join(str(each.error) for each in failed))
    if not as_json:
        show("Next: dashboards show it as a blue line; did anything begin there?")
    return Exit.OK


def described(contexts: list[Context], namespace: str, commit: str, tenant: str, service: str) -> Deploy:
    """Return a deploy whose every part is right.

    Raises:
        AutomationError: the commit is no id, nobody owns the namespace in these regions, or somebody else does.
    """
    if not _COMMIT.fullmatch(commit):
        raise AutomationError(
            f"--commit: is {commit!r}; allowed: 7 to 40 hexadecimal characters; fix: git rev-parse HEAD prints it"
        )
    if service and not _SERVICE.fullmatch(service):
        raise AutomationError(
            f"--service: is {service!r}; allowed: letters, digits, dots, dashes and underscores, 63 at most; "
            "fix: write its service.name"
        )
    owners = {own: name for each in contexts for name, entry in each.tenants.items() for own in entry.namespaces} | {
        names.NAMESPACE: names.PLATFORM_TENANT
    }
    if namespace not in owners:
        where = ", ".join(each.name for each in contexts)
        raise AutomationError(
            f"--namespace: {namespace!r} is no tenant's in {where}; allowed: {', '.join(sorted(owners))}; "
            "fix: correct the name, or add it to its tenant"
        )
    if tenant and tenant != owners[namespace]:
        raise AutomationError(
            f"--tenant: is {tenant!r}; allowed: {owners[namespace]}, whose the namespace {namespace} is; "
            "fix: correct either, or leave --tenant out"
        )
    return Deploy(namespace, owners[namespace], commit[:SHORT], service or None)


def mark(url: str, token: str, deploy: Deploy, region: str, at: float) -> Mark:
    """Post one annotation and return what came of it; a refusal is part of the result, so that others are tried."""
    address = f"{url.rstrip('/')}/api/annotations"
    try:
        answer = requests.post(
            address,
            json=deploy.body(region, at),
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        return Mark(region, url, None, f"{region}: {address} does not answer ({type(error).__name__}); fix: --grafana")
    if answer.status_code != requests.codes.ok:
        fix = {401: f"a token of a service account that lives, in ${TOKEN_VARIABLE}", 403: "the role Editor"}
        said = answer.text.strip()[:200].replace(token, "***")
        return Mark(
            region,
            url,
            None,
            f"{region}: {address} answers {answer.status_code}: {said}; allowed: 200; "
            f"fix: {fix.get(answer.status_code, 'what it says')}",
        )
    return Mark(region, url, int(answer.json()["id"]))


def _contexts(env: str, regions: list[str]) -> list[Context]:
    """Return the regions asked for, all of the environment without any.

    Raises:
        SettingsError: there is no such environment or region.
    """
    platform = load.environment_from_file(env)
    if not regions:
        return [Context(platform, name) for name in platform.regions]
    return [Context(*load.from_file(names.stack(env, name))) for name in regions]


def _tokens(contexts: list[Context], file: Path | None, secret: str) -> dict[str, str]:
    """Return each region's token; a secret of one name holds another in each, since each Grafana makes its own.

    Raises:
        AutomationError: there is none, or it is given twice.
    """
    if not secret:
        token = _token(file)
        return {each.name: token for each in contexts}
    if file is not None:
        raise AutomationError(
            f"--token-secret: is {secret!r}, though --token-file is {file}; allowed: one of them; fix: leave one out"
        )
    return {each.name: Store(each).value(secret) for each in contexts}


def _token(file: Path | None) -> str:
    """Return the token, never from an argument.

    Raises:
        AutomationError: there is none.
    """
    try:
        token = file.read_text(encoding="utf-8") if file else os.environ.get(TOKEN_VARIABLE, "")
    except OSError as error:
        raise AutomationError(
            f"--token-file: {file} cannot be read ({error.strerror}); fix: name the file that is mounted"
        ) from error
    if not token.strip():
        raise AutomationError(
            "token: is missing; allowed: a Grafana service account's with the role Editor; "
            f"fix: set ${TOKEN_VARIABLE}, or name the file that the secret store's operator mounts with --token-file, "
            "or the secret with --token-secret"
        )
    return token.strip()
