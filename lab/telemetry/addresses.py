"""Swap the cluster's addresses in a configuration for local ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?://)?(?P<name>[a-z0-9-]+(?:\.[a-z0-9-]+)+)\.svc(?:\.cluster\.local)?\.?(?::(?P<port>\d+))?"
)
_PORTS: Final = {"http://": "80", "https://": "443"}


def swapped(text: str, places: Mapping[str, str]) -> str:
    """Return a text in which each known Service's address is a local one; an unknown one stays as it is.

    Args:
        text: a configuration.
        places: `<service>.<namespace>:<port>`, or with a pod's name before it, to a local host:port. A URL without a
            port means its scheme's.
    """

    def local(found: re.Match[str]) -> str:
        scheme = found["scheme"] or ""
        place = places.get(f"{found['name']}:{found['port'] or _PORTS.get(scheme, '')}")
        return found.group() if place is None else f"{scheme}{place}"

    return _ADDRESS.sub(local, text)
