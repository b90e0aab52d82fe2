"""Find plaintext that looks like a credential, before it reaches a model, a preview or a state file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from settings.problem import Problem

_SHAPES = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "an AWS secret key": re.compile(r"^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9/+]{40}$"),
    "a Slack webhook": re.compile(r"hooks\.slack\.com/(?:services|workflows)/"),
    "a Slack token": re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
    "a PagerDuty key": re.compile(r"^(?=.*[a-f])(?=.*[0-9])[a-f0-9]{32}$|^R[A-Z0-9]{31}$"),
    "a Telegram bot token": re.compile(r"^\d{8,10}:[A-Za-z0-9_-]{35}$"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a GitHub token": re.compile(r"\bgh[opsur]_[A-Za-z0-9]{36,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
    "a URL with a password": re.compile(r"://[^/\s:@]+:[^/\s@]+@"),
}
_TELLING_KEY = re.compile(r"(?:^|_)(?:password|passwd|token|api_?key|access_?key)$")


def problems_of(document: object, path: str = "") -> Iterator[Problem]:
    """Yield a problem per string that looks like a credential; its value is never shown.

    Args:
        document: parsed YAML: maps, lists and scalars.
        path: where `document` stands.
    """
    if isinstance(document, dict):
        for key, value in document.items():
            place = f"{path}.{key}" if path else str(key)
            if isinstance(value, str) and _TELLING_KEY.search(str(key)):
                yield _refuse(place, "a credential, by its name")
            else:
                yield from problems_of(value, place)
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from problems_of(value, f"{path}[{index}]")
    elif isinstance(document, str):
        for shape, pattern in _SHAPES.items():
            if pattern.search(document):
                yield _refuse(path, shape)
                return


def _refuse(path: str, shape: str) -> Problem:
    return Problem(
        path,
        f"looks like {shape} (value hidden)",
        "the name of a secret in the region's secret store",
        "put the value into the store, write its name here, and rotate it, for it is in the file's history",
    )
