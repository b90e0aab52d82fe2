"""The real Loki, Tempo and Prometheus for tests, and how they are asked."""

from __future__ import annotations

import requests

from lab.stores import Backends, running
from lab.telemetry.container import LOOPBACK

__all__ = ["HTTP", "LOOPBACK", "Backends", "running"]

HTTP = requests.Session()
HTTP.trust_env = False
