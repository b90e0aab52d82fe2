"""`organizations`: each tenant's own organization in a region's Grafana, with its data sources and dashboards.

Grafana provisions nothing by files into an organization that is not there, and no file makes one, so this goes through
its API. Run again it changes what differs and nothing else: after an upgrade, a new tenant, a rotated token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote

import typer

from automation.commands.options import AsJson, Env, show, show_json, tell
from automation.grafana_api import Grafana
from automation.problem import AutomationError, Exit
from automation.secret_values import Folder, Secrets, Store
from components.values.access.identities import LEAST_TOKEN_LENGTH, access_token
from components.values.context import Context
from components.values.dashboard_files import DashboardFile
from components.values.secrets import GRAFANA_ADMIN_PASSWORD, GRAFANA_ADMIN_USER
from components.values.tenant_dashboards import tenant_dashboards
from components.values.tenant_datasources import tenant_datasources
from settings import load, names

_THERE: Final = 409
_MISSING: Final = 404


@dataclass
class Organization:
    """One tenant's organization, and what was done to it."""

    tenant: str
    id: int | None = None
    """None where it could not be made."""
    made: bool = False
    """Whether it was not there before."""
    datasources: list[str] = field(default_factory=list)
    """Uids that lead through the access proxy."""
    others: list[str] = field(default_factory=list)
    """Names of data sources that somebody else added: whose data they read, this command cannot say."""
    dashboards: int = 0
    """How many it holds of ours, runbooks among them."""
    written: list[str] = field(default_factory=list)
    """Uids of those that were not there, or differed."""
    error: str | None = None


def organizations(
    region: Annotated[str, typer.Option("--region", help="Region whose Grafana it is.")],
    env: Env = "prod",
    tenant: Annotated[list[str] | None, typer.Option("--tenant", help="Only this tenant; repeat for several.")] = None,
    grafana: Annotated[str, typer.Option("--grafana", help="Grafana's address; the region's own without it.")] = "",
    secrets: Annotated[
        Path | None,
        typer.Option("--secrets", help="Folder with the secrets as files; the region's secret store without it."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Give each tenant its organization in a region's Grafana, which reads that tenant only."""
    context = Context(*load.from_file(names.stack(env, region)))
    chosen = _chosen(context, tenant or [])
    source: Secrets = Store(context) if secrets is None else Folder(secrets)
    url = grafana or names.grafana_url(context.platform, context.name)
    password = source.value(names.secret(context.platform, context.name, GRAFANA_ADMIN_PASSWORD))
    files = tenant_dashboards(context)
    found = [_kept(context, url, password, name, source, files) for name in chosen]
    failed = [each for each in found if each.error is not None]
    if as_json:
        show_json({"grafana": url, "region": region, "organizations": [asdict(each) for each in found]})
    for each in found if not as_json else []:
        if each.error is None:
            show(_sentence(each))
    if failed:
        raise AutomationError("\n".join(f"{each.tenant}: {each.error}" for each in failed))
    if not as_json:
        show(f"Next: {_next(context, chosen)}")
    return Exit.OK


def ensure(grafana: Grafana, context: Context, tenant: str, token: str, files: Sequence[DashboardFile]) -> Organization:
    """Make a tenant's organization what it should be, and return what was done.

    Args:
        grafana: the region's.
        context: the region.
        tenant: whose.
        token: its token for the access proxy, which alone decides whose data the organization reads.
        files: its dashboards.

    Raises:
        AutomationError: Grafana is not reached or refuses.
    """
    number, made = _organization(grafana, tenant)
    sources, others = _datasources(grafana, context, number, token)
    return Organization(tenant, number, made, sources, others, len(files), _dashboards(grafana, number, files))


def _chosen(context: Context, asked: Sequence[str]) -> list[str]:
    for name in asked:
        if name not in context.tenants:
            raise AutomationError(
                f"--tenant: {name!r} is no tenant of {names.stack(context.environment, context.name)}; allowed: "
                f"{', '.join(context.tenants)}; fix: correct the name"
            )
    return [name for name in context.tenants if not asked or name in asked]


def _kept(
    context: Context, url: str, password: str, tenant: str, source: Secrets, files: Sequence[DashboardFile]
) -> Organization:
    """Return a tenant's organization; a refusal is part of it, so that the others are still made."""
    try:
        tell(f"organizations: {tenant}")
        token = source.value(names.secret(context.platform, context.name, access_token(tenant)))
        if len(token) < LEAST_TOKEN_LENGTH:
            raise AutomationError(
                f"secret {access_token(tenant)}: has {len(token)} characters; allowed: {LEAST_TOKEN_LENGTH} at least, "
                "since the access proxy lets in no shorter one; fix: pulumi up generates it"
            )
        return ensure(Grafana(url, GRAFANA_ADMIN_USER, password, (token,)), context, tenant, token, files)
    except AutomationError as error:
        return Organization(tenant, error=str(error))


def _organization(grafana: Grafana, tenant: str) -> tuple[int, bool]:
    """Return an organization's id, and whether it was made just now; the administrator is an Admin of it."""
    path = f"/api/orgs/name/{quote(tenant, safe='')}"
    found = grafana.get(path, also=(_MISSING,))
    made = False
    if found.status == _MISSING:
        # Somebody else may have made it since: then it is there under its name.
        made = grafana.call("POST", "/api/orgs", {"name": tenant}, also=(_THERE,)).status != _THERE
        found = grafana.get(path)
    number = int(found.body["id"])
    member = {"loginOrEmail": grafana.login, "role": "Admin"}
    grafana.call("POST", f"/api/orgs/{number}/users", member, also=(_THERE,))
    return number, made


def _datasources(grafana: Grafana, context: Context, number: int, token: str) -> tuple[list[str], list[str]]:
    """Write the data sources of an organization; a token cannot be read back, so that each is written each time.

    Returns:
        The uids of ours, and the names of others.
    """
    there = {each["uid"]: each["name"] for each in grafana.get("/api/datasources", number).body}
    wanted = tenant_datasources(context, token)
    for body in wanted:
        if body["uid"] in there:
            grafana.call("PUT", f"/api/datasources/uid/{body['uid']}", body, number)
        else:
            grafana.call("POST", "/api/datasources", body, number)
    ours = [str(body["uid"]) for body in wanted]
    return ours, sorted(name for uid, name in there.items() if uid not in ours)


def _dashboards(grafana: Grafana, number: int, files: Sequence[DashboardFile]) -> list[str]:
    """Write the dashboards of an organization that differ from what they should be, and return their uids.

    What is there cannot be compared, since Grafana gives a dashboard back in its newest form. Its newest version's
    message tells what was written; who changes one by hand writes another message, and is overruled.
    """
    for title in dict.fromkeys(each.folder for each in files):
        if grafana.get(f"/api/folders/{_folder(title)}", number, also=(_MISSING,)).status == _MISSING:
            grafana.call("POST", "/api/folders", {"uid": _folder(title), "title": title}, number)
    written = []
    for each in files:
        message = f"sha256:{hashlib.sha256(each.text.encode()).hexdigest()}"
        versions = grafana.get(f"/api/dashboards/uid/{each.uid}/versions?limit=1", number, also=(_MISSING,))
        newest = versions.body["versions"][:1] if versions.status != _MISSING else []
        if [version["message"] for version in newest] != [message]:
            body = {
                "dashboard": json.loads(each.text),
                "folderUid": _folder(each.folder),
                "message": message,
                "overwrite": True,
            }
            grafana.call("POST", "/api/dashboards/db", body, number)
            written.append(each.uid)
    return written


def _folder(title: str) -> str:
    """Return a folder's uid: one that no dashboard has, as they share one list."""
    return f"folder-{title.lower()}"


def _sentence(found: Organization) -> str:
    made = "made" if found.made else "there"
    text = (
        f"{found.tenant}: organization {found.id} ({made}), {len(found.datasources)} data sources with its token, "
        f"{found.dashboards} dashboards and runbooks ({len(found.written)} written)."
    )
    if found.others:
        text += f" Somebody else added {', '.join(found.others)}: see whose data they read."
    return text


def _next(context: Context, chosen: Sequence[str]) -> str:
    """Return what is left to do: somebody must be able to enter."""
    closed = [name for name in chosen if not context.tenants[name].grafana.members]
    if closed:
        return f"name groups under tenants.{closed[0]}.grafana, so that its people can enter; or invite them by hand."
    return "within a minute Grafana knows the new organizations; sign in as somebody of a tenant, and look."
