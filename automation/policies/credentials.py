"""Find what looks like a credential, by its own shape or by the name that it is given."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final

PLAIN: Final = "a password in plain text"
SHAPES: Final = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a Slack webhook": re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/"),
    "a Slack token": re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
    "a GitHub token": re.compile(r"\bgh[opsur]_[A-Za-z0-9]{36,}"),
    "a Grafana token": re.compile(r"\bgl(?:sa|c)_[A-Za-z0-9+/=_]{20,}"),
    "a URL with a password": re.compile(r"://[^/\s?#:@]*:(?!\$[\w({]|[{<%*])[^/\s?#@]+@"),
}
_WORDS: Final = {
    "an AWS access key": ("akia", "asia"),
    "a Slack token": ("xox",),
    "a JSON web token": ("eyj",),
    "a GitHub token": ("gho_", "ghp_", "ghs_", "ghu_", "ghr_"),
    "a Grafana token": ("glsa_", "glc_"),
}
"""What is in a text, in small letters, that has such a shape: a pattern that begins with no word is slow to find."""
_STEMS: Final = ("passw", "passphrase", "secret", "key", "token", "credentials", "authorization")
"""What is in every name of a credential: a search for it is fast, and the pattern is then tried there alone."""
_NAME: Final = string.ascii_letters + string.digits + "_.-"
_LONGEST: Final = 64
"""Characters before a stem that are looked at for the rest of the name."""
_ASSIGNED: Final = re.compile(
    r"""
    [\w.-]*?
    (?:passw(?:or)?d | passphrase | credentials | token
      | (?:secret | api | encryption | secret[_-]?access | account)[_-]?key | client[_-]?secret
      | (?P<pager>(?:routing | service)[_-]?key) | (?P<header>authorization))
    \\*["']? [^\S\n]* [:=] [^\S\n]*
    (?:[|>][+-]?[^\S\n]*\n\s*)?                 # YAML's long texts begin in the next line
    \\*["']?
    (?(pager) (?=\w{20}))                       # a collector's routing key is a word: traceID
    (?(header) (?:basic|bearer)[^\S\n]+)
    (?! [$%{<[/*] | file: | env: | \w[\w.]*\( ) # a reference to where it lies, a mask, a call
    [^\s"'\\,}\]]{6,}
    """,
    re.IGNORECASE | re.VERBOSE,
)


def shapes(text: str) -> Iterator[str]:
    """Yield what a text seems to hold."""
    small = text.lower()
    for shape, pattern in SHAPES.items():
        if any(word in small for word in _WORDS.get(shape, ("",))) and pattern.search(text):
            yield shape
    if _assigned(text, small):
        yield PLAIN


def _assigned(text: str, small: str) -> bool:
    for stem in _STEMS:
        found = small.find(stem)
        while found >= 0:
            before = text[max(0, found - _LONGEST) : found]
            if _ASSIGNED.match(text, found - len(before) + len(before.rstrip(_NAME))):
                return True
            found = small.find(stem, found + 1)
    return False
