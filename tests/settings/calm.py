"""Hypothesis on a machine that does other things too: no time limit per example."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

calm = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
