"""Samples of every exporter that dashboards ask for, of as many tenants and regions as wanted.

Recorded once in samples.yaml and repeated by owner, so that the same Prometheus answers with what the lab cannot have:
GPUs, databases, brokers, a kubelet. Values differ by owner, so that one who sees another's data sees other numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zlib import crc32

import yaml

from settings.names import PLATFORM_TENANT

FILE: Final = Path(__file__).with_name("samples.yaml")
CHANGE_SECONDS: Final = 3600
"""How long before the end a value changes that does."""
COUNTER_SECONDS: Final = 30 * 86_400
"""How long before the end counters were 0."""
COUNTED, PLATFORM = "counted", "platform"
"""Whose a series is that is no tenant's own: the platform's count of a tenant, the platform's."""
ABSENT: Final = "-"
"""Value of a series that is not there."""
_FALLS: Final = re.compile(r"([\d.e]+)-([\d.e]+)/min")
MULTIPLIED: Final = ("service_name", "pod", "deployment", "topic", "queryid", "persistentvolumeclaim", "job")
"""Labels by which there are many of something."""


@dataclass(frozen=True)
class Owner:
    """A tenant in a region; the platform is one too."""

    tenant: str
    region: str
    factor: float = 1.0
    """About what values are multiplied with, each series' a little differently, so that ratios differ too."""

    @property
    def labels(self) -> dict[str, str]:
        """Labels of everything that it owns."""
        return {"tenant": self.tenant, **identity(self.region)}


@dataclass(frozen=True)
class Series:
    """One series of one owner, as a function of time."""

    exporter: str
    name: str
    """With its labels, the owner's among them."""
    before: str
    """Its value until an hour before the end, as the file has it."""
    since: str
    factor: float

    def there(self, time: int, end: int) -> bool:
        """Return whether it has a sample at a time."""
        return self.text(time, end) != ABSENT

    def at(self, time: int, end: int) -> float:
        """Return the value at a time, both in seconds since the epoch; `end` is that of the last sample."""
        text = self.text(time, end)
        if text.startswith("now"):
            return end + float(text.removeprefix("now")) * self.factor
        if not text.endswith("/min"):
            return _scaled(float(text), self.factor)
        falls = _FALLS.fullmatch(text)
        if falls:
            return float(falls[1]) - float(falls[2]) * self.factor / 60 * (time - end)
        change = end - CHANGE_SECONDS if self.before != self.since else time
        start = end - COUNTER_SECONDS
        grown = _slope(self.before) * (min(time, change) - start) + _slope(self.since) * max(0, time - change)
        return grown * self.factor

    def text(self, time: int, end: int) -> str:
        """Return its value at a time as the file has it."""
        return self.before if time <= end - CHANGE_SECONDS else self.since


def identity(region: str) -> dict[str, str]:
    """Return the labels of a region."""
    return {"region": region, "cluster": f"dev-{region}", "environment": "dev"}


def _factor(name: str, owner: Owner) -> float:
    """Return a series' own factor, that of all buckets of a histogram alike."""
    whole = re.sub(r', le="[^"]*"', "", name)
    return 1 + (owner.factor - 1) * (1 + crc32(whole.encode()) % 7) / 4


def _slope(text: str) -> float:
    """Return what a counter grows by in a second."""
    return float(text.removesuffix("/min")) / 60


def _scaled(value: float, factor: float) -> float:
    """Leave what may be a state or a number of things as it is."""
    return value if value < 10 and value.is_integer() else value * factor


def exporters() -> dict[str, dict[str, dict[str, str | list[str]]]]:
    """Return the file: values by exporter, whose, and series."""
    text = FILE.read_text(encoding="utf-8")
    found: dict[str, dict[str, dict[str, str | list[str]]]] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes strings only
    return found


def series(owners: Iterable[Owner], copies: int = 1) -> list[Series]:
    """Return the series of some owners, `copies` times with other services, pods, topics and so on."""
    made = []
    document = exporters()
    for owner in owners:
        for exporter, by_kind in document.items():
            for kind, entries in by_kind.items():
                if kind == COUNTED or (kind == PLATFORM) == (owner.tenant == PLATFORM_TENANT):
                    for name, value in entries.items():
                        whole = _owned(name, kind, owner)
                        before, since = (value, value) if isinstance(value, str) else value
                        made += [
                            Series(exporter, each, before, since, _factor(name, owner))
                            for each in _multiplied(whole, 1 if kind == COUNTED else copies)
                        ]
    return made


def _owned(name: str, kind: str, owner: Owner) -> str:
    whose = owner.labels
    if kind == COUNTED:
        whose |= {"tenant": PLATFORM_TENANT, "exported_tenant": owner.tenant}
    owned = ",".join(f'{label}="{value}"' for label, value in whose.items())
    # OpenMetrics has no spaces between labels.
    return name.replace("$tenant", owner.tenant).replace('", ', '",').replace("{", f"{{{owned},", 1)


def _multiplied(name: str, copies: int) -> list[str]:
    """Return a series and copies of it, in each of which every label that counts things has another value."""
    labels = "|".join(MULTIPLIED)
    copied = [re.sub(rf'\b({labels})="([^"]*)"', rf'\1="\2-{number}"', name) for number in range(1, copies)]
    return list(dict.fromkeys([name, *copied]))


def openmetrics(given: Iterable[Series], times: Sequence[int], end: int) -> Iterator[str]:
    """Yield OpenMetrics lines of series at some times, which are ascending seconds since the epoch."""
    for each in given:
        for time in times:
            if each.there(time, end):
                yield f"{each.name} {each.at(time, end):.12g} {time}\n"
