"""What is taken for a secret: by the name of its attribute, by how it looks, by the name before it in a text."""

from __future__ import annotations

import re

KEYS = (
    r"ass([wW]ord|[wW]d|[pP]hrase)",
    r"ASS(WORD|WD|PHRASE)",
    r"pwd($|[._-])",
    r"Pwd($|[._-])",
    r"PWD($|[._-])",
    r"ecret",
    r"ECRET",
    r"redential",
    r"REDENTIAL",
    # Not `tokens`: counts of a model's tokens are no secret.
    r"oken$",
    r"OKEN$",
    r"pi[._-]?[kK]ey",
    r"PI[._-]?K(ey|EY)",
    r"ccess[._-]?[kK]ey",
    r"CCESS[._-]?K(ey|EY)",
    r"rivate[._-]?[kK]ey",
    r"RIVATE[._-]?K(ey|EY)",
    r"igning[._-]?[kK]ey",
    r"IGNING[._-]?K(ey|EY)",
    r"ncryption[._-]?[kK]ey",
    r"NCRYPTION[._-]?K(ey|EY)",
    r"uthorization$",
    r"UTHORIZATION$",
    r"cookie$",
    r"Cookie$",
    r"COOKIE$",
)
"""Attributes whose whole value is masked, by name: password, secret, credential, token, api, access, private, signing
or encryption key, authorization, cookie, as programs write them (db_password, dbPassword, DB_PASSWORD, X-API-Key).

Each begins with fixed characters: Go looks for those with a plain search and runs the expression only where they
stand. `(?i)` has no fixed beginning and costs five times as much, for every name of every attribute. Where the first
letter is left out, both its cases are meant.
"""
VALUES = (
    r"AKIA[0-9A-Z]{16}",
    r"ASIA[0-9A-Z]{16}",
    r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*",
    r"gh[opsur]_[A-Za-z0-9]{36,}",
    r"xox[abeprs]-[A-Za-z0-9-]{10,}",
    r"hooks\.slack\.com/(services|workflows)/[A-Za-z0-9/]+",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    r"Bearer [A-Za-z0-9._~+/-]{16,}=*",
    r"://[^/\s:@]+:[^/\s@]+@",
)
"""What is masked wherever it stands, log bodies included. Each begins with fixed characters, which is what keeps Go's
regular expressions fast on tens of megabytes of logs per second."""


_NAME_END = r"[\w.-]*"
_JSON = r'"(?:[^"\\]|\\.)*"?|\[(?:[^\[\]]|\[[^\[\]]*\])*\]|\{(?:[^{}]|\{[^{}]*\})*\}'
_VALUE = "|".join(
    (
        r'\\+"(?:[^"\\]|\\+[^"\\])*(?:\\+")?',
        _JSON,
        r"'(?:[^'\\]|\\.)*'?",
        r"(?:(?i:basic|bearer|digest|token) )?"
        r"""[^\s"'\\,;&(){}\[\]:=][^\s"'\\,;&(){}\[\]]*(?:; [\w.-]+=[^\s"'\\,;]*)*""",
    )
)
"""A value as JSON in a JSON string, JSON or logfmt and Python write it, a list or an object with at most one more in
it, and a bare word, perhaps with its scheme before it or further cookies behind it."""


def _named(end: str) -> list[str]:
    """Return KEYS as they stand in a text, without groups.

    Args:
        end: what the rest of a name is made of, where KEYS say nothing of how it ends.
    """
    closed = [key.replace("($|[._-])", f"(?:[._-]{end})?") for key in KEYS]
    open_ended = [key if key[-1] in "$?" else key + end for key in closed]
    return [re.sub(r"\((?!\?)", "(?:", key.removesuffix("$")) for key in open_ended]


TEXTS = tuple(rf"""({name}(\\*["']?)[ \t]*(?:=>|[:=])[ \t]*)(?:{_VALUE})""" for name in _named(_NAME_END))
"""`"password":"..."`, `token=...`, `Authorization: Basic ...` in a text, by the names of KEYS.

Their groups are what stands before the value and the quote that ends the name: with the same quotes around it, what
is written in the value's place (`HIDDEN_TEXT`) leaves JSON JSON, of numbers and `null` too, and logfmt logfmt.
"""
_ASSIGNED = r"""\\*["']?[ \t]*[:=]"""
PARTS = (
    r"w(?:ord|d)",
    r"W(?:ord|ORD|d|D)",
    rf"k(?:ey|(?:en|ie){_ASSIGNED})",
    rf"K(?:ey|EY|(?:EN|IE){_ASSIGNED})",
    "cret",
    "dential",
    "CRE(?:T|DENTIAL)",
    "hrase",
    "zation",
    "H(?:RASE|ORIZATION)",
)
"""One of these stands in each text that one of TEXTS is for. Lines are searched by them first.

They are few, since each costs some 0.1 us a line, and begin with letters that are rare, since Go stops at each.
"""
HIDDEN = "****"
HIDDEN_TEXT = f"$1$2{HIDDEN}$2"
_ENTRIES = [f'{name}":' for name in _named('[^"]*')]
IN_MAP = "|".join(_ENTRIES)
"""The name of a secret in a map that is written as JSON."""
OF_MAP = tuple(rf"({entry})(?:{_JSON}|[\w.+-]+)" for entry in _ENTRIES)
HIDDEN_OF_MAP = f'$1"{HIDDEN}"'
"""An entry of such a map by that name, and what is written in its place."""
