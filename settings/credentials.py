"""Find plaintext that looks like a credential, before it reaches a model, a preview or a state file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from settings.problem import Problem

_SHAPES = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "an AWS secret key": re.compile(r"^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9/+]{40}$"),
    "a Slack webhook": re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/"),
    "a Slack token": re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
    "a PagerDuty key": re.compile(r"^(?=.*[a-f])(?=.*[0-9])[a-f0-9]{32}$|^R[A-Z0-9]{31}$"),
    "a Telegram bot token": re.compile(r"(?<!\d)\d{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a GitHub token": re.compile(r"\bgh[opsur]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{22,}"),
    "a GitLab token": re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}"),
    "a Grafana token": re.compile(r"\bgl(?:sa|c)_[A-Za-z0-9+/=_]{20,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
    "a URL with a user or a password": re.compile(r"://[^/\s?#]*@"),
    "a URL with a token": re.compile(r"://\S*[?&](?:token|key|api_?key|access_?token|password|sig|signature)=", re.I),
}
_TELLING_KEY = re.compile(
    r"(?:password|passwd|passphrase|token|(?:api|access|secret|private)[_-]?key|credentials?)$", re.I
)


def problems_of(value: object, path: str = "") -> Iterator[Problem]:
    """Yield a problem per string that looks like a credential; its value is never shown.

    Args:
        value: parsed YAML: maps, lists and scalars.
        path: where `value` stands.
    """
    if isinstance(value, dict) and "secure" in value:
        yield encrypted(path)
    elif isinstance(value, dict):
        for key, inner in value.items():
            place = f"{path}.{key}" if path else str(key)
            if shape := _shape(str(key)):
                yield _refuse(f"{path}.<key>" if path else "<key>", shape)
            elif isinstance(inner, str | int | float) and _TELLING_KEY.search(str(key)):
                yield _refuse(place, "a credential, by its name")
            else:
                yield from problems_of(inner, place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from problems_of(inner, f"{path}[{index}]")
    elif isinstance(value, str) and (shape := _shape(value)):
        yield _refuse(path or "document", shape)


def encrypted(path: str) -> Problem:
    """Refuse a value that Pulumi encrypts: it is decrypted for the program, and from there gets into the state."""
    return Problem(
        path or "document",
        "is a Pulumi secret (secure:)",
        "the name of a secret in the region's secret store",
        "put the value into the store, and write its name here",
    )


def _shape(text: str) -> str | None:
    return next((shape for shape, pattern in _SHAPES.items() if pattern.search(text)), None)


def _refuse(path: str, shape: str) -> Problem:
    return Problem(
        path,
        f"looks like {shape} (value hidden)",
        "the name of a secret in the region's secret store",
        "put the value into the store, write its name here, and rotate it, for the file's history keeps it",
    )
