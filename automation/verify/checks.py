"""The checks: what was sent as a tenant is found in all three backends, with the region's and the tenant's labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from automation.verify import canary, otlp
from automation.verify.canary import Canary
from automation.verify.endpoints import Endpoints
from automation.verify.readers import Reader, UnreadableError
from automation.waiting import until
from settings.names import TENANT_LABEL

DEADLINE_SECONDS: Final = 90.0
"""The sampler waits 10 s by default, queues and batches add a few; the rest is for a region that is catching up."""
INTERVAL_SECONDS: Final = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Check:
    """One thing that had to hold, and whether it did."""

    name: str
    """trace, log or metric."""
    tenant: str
    ok: bool
    expected: str
    found: str
    seconds: float
    """From sending until it was found, or until the deadline."""


def _quiet(_: str) -> None:
    """Say nothing."""


def run(
    endpoints: Endpoints,
    tenants: Sequence[str],
    identity: Mapping[str, str],
    *,
    deadline: float = DEADLINE_SECONDS,
    say: Say = _quiet,
) -> list[Check]:
    """Send one canary per tenant and look for it until it is there or the deadline has passed.

    All are sent before any is looked for, so that the sampler's wait is paid once.

    Args:
        endpoints: where the region is.
        tenants: who the canaries are sent as; each needs its entry in `endpoints.sources`, or the machine that this
            runs on is a pod of the tenant's namespace.
        identity: region, cluster and environment as the labels must say them.
        deadline: seconds from sending.
        say: told what is being waited for.

    Returns:
        Three checks per tenant, in the order of the tenants. A canary that nobody took is three failed checks.
    """
    sent = {tenant: _send(endpoints, tenant) for tenant in tenants}
    started = time.monotonic()
    checks = []
    for tenant, (made, refusal) in sent.items():
        reader, labels = Reader(endpoints, tenant), {**identity, TENANT_LABEL: tenant}
        for name, look in _LOOKS.items():
            expected = _EXPECTED[name]
            if refusal is not None:
                checks.append(Check(name, tenant, False, expected, refusal, 0.0))
                continue
            say(f"{tenant}: waiting for the {name}, {deadline:.0f} s at most")
            found = _await(partial(look, reader, made, labels), expected, started + deadline)
            checks.append(Check(name, tenant, found == expected, expected, found, round(time.monotonic() - started, 1)))
    return checks


def _send(endpoints: Endpoints, tenant: str) -> tuple[Canary, str | None]:
    made = Canary()
    try:
        with otlp.Client(endpoints.otlp, endpoints.sources.get(tenant)) as client:
            for request in made.requests():
                client.send(request)
    except otlp.RefusedError as refusal:
        return made, f"not sent: {refusal}"
    return made, None


Look = Callable[[Reader, Canary, Mapping[str, str]], str]


def _await(look: Callable[[], str], expected: str, end: float) -> str:
    """Return what a look finds once it is what was expected, or else what it found last."""
    found = ""

    def there() -> bool:
        nonlocal found
        try:
            found = look()
        except UnreadableError as refusal:
            found = str(refusal)
        return found == expected

    until(there, end - time.monotonic(), INTERVAL_SECONDS)
    return found


def _trace(reader: Reader, made: Canary, labels: Mapping[str, str]) -> str:
    spans = reader.trace(made.trace_id.hex())
    wrong = [_differing(each["resource"], labels) for each in spans]
    return _found(f"{len({each['spanId'] for each in spans})} spans of {canary.SPANS}", wrong)


def _log(reader: Reader, made: Canary, labels: Mapping[str, str]) -> str:
    asked = f'{{service_name="{canary.SERVICE}", level="info"}} | trace_id = "{made.trace_id.hex()}"'
    lines = [line for line in reader.lines(asked) if line.text == made.body]
    return _found(f"{len(lines)} lines of 1", [_differing(line.labels, labels) for line in lines])


def _metric(reader: Reader, made: Canary, labels: Mapping[str, str]) -> str:
    # The label is asked for as well: whoever reads past the proxy sees every tenant's.
    samples = reader.samples(f'{canary.METRIC}{{{TENANT_LABEL}="{labels[TENANT_LABEL]}"}} == {made.value!r}')
    return _found(f"{len(samples)} samples of 1", [_differing(each.labels, labels) for each in samples])


_LOOKS: Mapping[str, Look] = {"trace": _trace, "log": _log, "metric": _metric}
_EXPECTED: Mapping[str, str] = {
    "trace": f"{canary.SPANS} spans of {canary.SPANS}",
    "log": "1 lines of 1",
    "metric": "1 samples of 1",
}


def _differing(found: Mapping[str, str], expected: Mapping[str, str]) -> str:
    return ", ".join(
        f"{key} is {found.get(key, 'missing')}, not {value}"
        for key, value in expected.items()
        if found.get(key) != value
    )


def _found(count: str, differing: Sequence[str]) -> str:
    said = "; ".join(sorted({each for each in differing if each}))
    return f"{count}: {said}" if said else count
