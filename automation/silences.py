"""`silence` and `silences`: quiet for one tenant in one region, for a while, with a reason; and what ends soon."""

from __future__ import annotations

import getpass
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import requests
import typer

from automation.commands.options import AsJson, Env, show, show_json
from automation.problem import AutomationError, Exit
from automation.verify.command import TOKEN_VARIABLE
from components.values import addresses
from components.values.alerting import receivers
from components.values.context import Context
from settings import load, names
from settings.units import Duration

LONGEST: Final = timedelta(days=7)
"""What lasts longer is no silence but a rule, a threshold or a mute interval that somebody should change for good."""
SHORTEST: Final = timedelta(minutes=1)
TIMEOUT_SECONDS: Final = 10.0
Where = Annotated[str, typer.Option("--alertmanager", help="Alertmanager's address; the cluster's own without it.")]
UNSCOPED: Final = "unscoped: it reaches over tenants or regions"


@dataclass(frozen=True)
class Scope:
    """What a silence keeps quiet; never more than one tenant in one region."""

    tenant: str
    region: str
    alert: str | None = None

    def matchers(self) -> list[dict[str, Any]]:
        """Return Alertmanager's matchers.

        The platform's own tenant stands for alerts without a tenant as well: the same people hear of both.
        """
        if self.tenant == names.PLATFORM_TENANT:
            tenant = _matcher(names.TENANT_LABEL, f"{names.PLATFORM_TENANT}|", is_regex=True)
        else:
            tenant = _matcher(names.TENANT_LABEL, self.tenant)
        found = [tenant, _matcher(names.REGION_LABEL, self.region)]
        return found if self.alert is None else [*found, _matcher("alertname", self.alert)]


@dataclass(frozen=True)
class Silence:
    """One silence, as Alertmanager has it."""

    id: str
    matchers: list[str]
    starts_at: str
    ends_at: str
    created_by: str
    reason: str
    scoped: bool
    """Whether it names one tenant and one region; one that a person made in a browser may not."""


def silence(
    tenant: Annotated[str, typer.Option("--tenant", help="Whose alerts; platform also means those without a tenant.")],
    region: Annotated[str, typer.Option("--region", help="Where.")],
    length: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 3d; 7d at most.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; whoever is on call next reads it.")],
    alert: Annotated[str | None, typer.Option("--alert", help="One alert by name; all without it.")] = None,
    env: Env = "prod",
    alertmanager: Where = "",
    as_json: AsJson = False,
) -> int:
    """Keep one tenant's alerts quiet in one region for a while."""
    scope = Scope(tenant, region, alert)
    check(scope, env)
    lasts = duration(length)
    reason = reason.strip()
    if not reason:
        raise AutomationError(
            '--reason: is empty; allowed: a sentence; fix: say why, such as "migration of the ledger"'
        )
    url = alertmanager or addresses.alertmanager_url()
    now = datetime.now(UTC)
    of_region(url, region)
    made = create(url, scope, now, now + lasts, reason, author())
    if as_json:
        show_json({"id": made, "ends_at": (now + lasts).isoformat(), "matchers": scope.matchers()})
        return Exit.OK
    what = f"Alert {alert}" if alert else "Every alert"
    show(f"{what} of {tenant} in {region} is silent until {now + lasts:%Y-%m-%d %H:%M} UTC (silence {made}).")
    show("Next: python -m automation silences shows it before it ends; Grafana's silence page ends it early.")
    return Exit.OK


def silences(
    within: Annotated[str, typer.Option("--within", help="How soon they end: 24h, 3d.")] = "24h",
    alertmanager: Where = "",
    as_json: AsJson = False,
) -> int:
    """List the silences that are about to end, the first to end first."""
    span = _parsed("--within", within)
    now = datetime.now(UTC)
    found = ending(alertmanager or addresses.alertmanager_url(), now, span)
    if as_json:
        show_json([asdict(each) for each in found])
        return Exit.OK
    for each in found:
        left = _in_words(datetime.fromisoformat(each.ends_at) - now)
        mark = "" if each.scoped else f" [{UNSCOPED}]"
        show(f"{each.id} ends in {left}: {', '.join(each.matchers)}; {each.created_by}: {each.reason}{mark}")
    if found:
        show("Next: repair what each hides, or run python -m automation silence again with the same scope.")
    else:
        show(f"No silence ends within {within}. Next: nothing.")
    return Exit.OK


def check(scope: Scope, env: str) -> None:
    """Refuse a scope that the environment does not have.

    Raises:
        AutomationError: the tenant is unknown, or does not run in the region.
        SettingsError: there is no such environment or region.
    """
    for option, value in (("--tenant", scope.tenant), ("--region", scope.region)):
        if not value.strip():
            raise AutomationError(
                f"{option}: is empty; allowed: one name, since a silence over all would hide other people's alerts; "
                "fix: name one, and run the command once for each"
            )
    context = Context(*load.from_file(names.stack(env, scope.region)))
    allowed = [*context.tenants, names.PLATFORM_TENANT]
    if scope.tenant not in allowed:
        raise AutomationError(
            f"--tenant: {scope.tenant!r} is no tenant of {names.stack(env, scope.region)}; "
            f"allowed: {', '.join(allowed)}; fix: correct the name"
        )
    if scope.alert is not None and not scope.alert.strip():
        raise AutomationError("--alert: is empty; allowed: the name of an alert; fix: leave it out to mean all")


def duration(text: str) -> timedelta:
    """Return how long a silence lasts.

    Raises:
        AutomationError: it has no unit, or is shorter than a minute or longer than 7 days.
    """
    span = _parsed("--for", text)
    if not SHORTEST <= span <= LONGEST:
        raise AutomationError(
            f"--for: is {text!r}; allowed: 1m to 7d; fix: shorten it, and silence again if it is still needed then"
        )
    return span


def author() -> str:
    """Return who runs this, by the environment.

    Raises:
        AutomationError: the environment does not say.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise AutomationError("user: is unknown here; allowed: any name; fix: set the variable USER") from error


def of_region(url: str, region: str) -> None:
    """Refuse an Alertmanager of another region, which would take the silence and have nothing to keep quiet.

    Through the access proxy it cannot be asked; there the address is the region's.

    Raises:
        AutomationError: it is another region's, is not reached, or refuses.
    """
    if os.environ.get(TOKEN_VARIABLE):
        return
    known = {each["name"] for each in _call("GET", url, "receivers")}
    if receivers.on_call(region) not in known:
        raise AutomationError(
            f"--alertmanager: {url} does not wake the on-call of {region}; allowed: the Alertmanager of {region}; "
            "fix: correct the address or --region"
        )


def create(url: str, scope: Scope, start: datetime, end: datetime, reason: str, by: str) -> str:
    """Create a silence and return its id; what came out otherwise than it was asked for is ended again.

    Raises:
        AutomationError: Alertmanager is not reached, refuses, or made another one: for a token of another tenant's, the
            access proxy puts that tenant's name into it.
    """
    body = {
        "matchers": scope.matchers(),
        "startsAt": start.isoformat(),
        "endsAt": end.isoformat(),
        "createdBy": by,
        "comment": reason,
    }
    made = str(_call("POST", url, "silences", body)["silenceID"])
    wanted = sorted(_text(each) for each in scope.matchers())
    found = [_silence(each).matchers for each in _call("GET", url, "silences") if each["id"] == made]
    if found != [wanted]:
        _call("DELETE", url, f"silence/{made}")
        got = f"is one of {', '.join(found[0])}" if found else "cannot be seen"
        raise AutomationError(
            f"--tenant: is {scope.tenant!r}, but what was made {got}, and was ended again; allowed: the tenant whose "
            f"token is in ${TOKEN_VARIABLE}; fix: correct --tenant, or use that tenant's token"
        )
    return made


def ending(url: str, now: datetime, span: timedelta) -> list[Silence]:
    """Return the silences that are in force or to come, and end within a span from now, the first to end first.

    Raises:
        AutomationError: Alertmanager is not reached, or refuses.
    """
    found = [_silence(each) for each in _call("GET", url, "silences") if each["status"]["state"] != "expired"]
    soon = [each for each in found if datetime.fromisoformat(each.ends_at) <= now + span]
    return sorted(soon, key=lambda each: datetime.fromisoformat(each.ends_at))


def _call(method: str, url: str, what: str, body: dict[str, Any] | None = None) -> Any:
    address = f"{url.rstrip('/')}/api/v2/{what}"
    token = os.environ.get(TOKEN_VARIABLE)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        answer = requests.request(method, address, json=body, headers=headers, timeout=TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise AutomationError(
            f"--alertmanager: {address} does not answer ({type(error).__name__}); allowed: an address that reaches the "
            "region's Alertmanager; fix: correct it, or run: kubectl --namespace "
            f"{names.NAMESPACE} port-forward service/{addresses.ALERTMANAGER} 9093"
        ) from error
    if not answer.ok:
        raise AutomationError(
            f"--alertmanager: {address} answers {answer.status_code}: {answer.text.strip()[:200]}; "
            f"allowed: 200; fix: what it says, or a token that may in ${TOKEN_VARIABLE}"
        )
    return answer.json() if answer.content else None


def _silence(given: dict[str, Any]) -> Silence:
    exact = {each["name"] for each in given["matchers"] if each["isEqual"] and _one_value(each)}
    return Silence(
        id=given["id"],
        matchers=sorted(_text(each) for each in given["matchers"]),
        starts_at=given["startsAt"],
        ends_at=given["endsAt"],
        created_by=given["createdBy"],
        reason=given["comment"],
        scoped={names.TENANT_LABEL, names.REGION_LABEL} <= exact,
    )


def _one_value(matcher: dict[str, Any]) -> bool:
    return not matcher["isRegex"] or matcher["value"] == f"{names.PLATFORM_TENANT}|"


def _text(matcher: dict[str, Any]) -> str:
    operator = ("=" if matcher["isEqual"] else "!") + ("~" if matcher["isRegex"] else "" if matcher["isEqual"] else "=")
    return f'{matcher["name"]}{operator}"{matcher["value"]}"'


def _matcher(name: str, value: str, *, is_regex: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": is_regex, "isEqual": True}


def _parsed(option: str, text: str) -> timedelta:
    if not Duration.pattern.fullmatch(text):
        raise AutomationError(f"{option}: is {text!r}; allowed: {Duration.allowed}; fix: write for example 2h")
    return timedelta(milliseconds=Duration(text).milliseconds)


def _in_words(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    days, hours = minutes // 1440, minutes % 1440 // 60
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"
