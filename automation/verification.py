"""After a region was applied: do its workloads run, do the checks that were asked for hold, and the platform's SLOs."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from automation.problem import AutomationError
from automation.runner import Runner
from automation.waiting import until
from settings.platform import Platform

AVAILABLE: Final = "available"
"""Every pod of every workload is updated and ready."""
APPLIED: Final = "applied"
"""Every workload's controller has seen what was applied; for clusters that run no pods, as the lab."""
OFF: Final = "off"
MODES: Final = (AVAILABLE, APPLIED, OFF)
VARIABLE: Final = "FLEET_ROLLOUT"
"""Environment variable: the mode where none is given."""
DEADLINE: Final = 900.0
"""Seconds for a region's workloads: a StatefulSet of 12 ingesters restarts one by one, about a minute each."""
KINDS: Final = ("deployments", "statefulsets", "daemonsets")
_COMMAND_SECONDS: Final = 1800.0
_QUERY_SECONDS: Final = 30.0


class NotSettledError(Exception):
    """A wave's regions do not hold what they should; the message says which query answers what."""


def verify(
    runner: Runner,
    platform: Platform,
    region: str,
    mode: str,
    texts: Sequence[str],
    say: Callable[[str], None],
    deadline: float = DEADLINE,
) -> str:
    """Return what is missing in a region, as a sentence; empty when nothing is."""
    if mode != OFF:
        context = platform.regions[region].cluster.context
        ended = runner.run(
            region, runner.site.projects()[-1], "workloads", context=context, mode=mode, seconds=deadline
        )
        if ended.error:
            return ended.error
    for filled in commands(texts, platform.environment, region):
        say(f"{region}: {' '.join(filled)}")
        try:
            done = runner.execute(filled, region, _COMMAND_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"verification '{filled[0]}' cannot run ({type(error).__name__})"
        if done.returncode != 0 and runner.interrupted:
            return f"verification '{' '.join(filled)}' was interrupted; run: resume"
        if done.returncode != 0:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
            return f"verification '{' '.join(filled)}' ended with {done.returncode}: {last[0]}"
    return ""


def commands(texts: Sequence[str], environment: str = "", region: str = "") -> list[list[str]]:
    """Return the words of each command, {env} and {region} filled in; other braces stay, as JSON and awk have them.

    Raises:
        AutomationError: one has no words, or a quote that nothing ends.
    """
    found = []
    for text in texts:
        try:
            words = shlex.split(text)
        except ValueError as error:
            words, why = [], str(error).lower()
        else:
            why = "is empty"
        if not words:
            raise AutomationError(f"--verify: '{text}' {why}; allowed: a command as a shell takes it; fix: correct it")
        found.append([word.replace("{env}", environment).replace("{region}", region) for word in words])
    return found


def questions(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return address and expression of each query.

    Raises:
        AutomationError: one has no address of HTTP or no expression, or has a password, which arguments would show.
    """
    found = []
    for text in texts:
        address, _, expression = text.strip().partition(" ")
        url = urlsplit(address)
        if url.scheme not in ("http", "https") or not expression.strip():
            raise AutomationError(
                f"--slo: '{expression.strip() or '(nothing)'}' is asked of no address; allowed: 'ADDRESS EXPRESSION', "
                "as in 'http://prometheus.example.com up == 0'; fix: name both"
            )
        if url.username or url.password:
            raise AutomationError(
                f"--slo: the address of '{expression}' has a user's name or password; allowed: an address without; "
                "fix: put them into ~/.netrc, where the driver looks for them"
            )
        found.append((address.rstrip("/"), expression.strip()))
    return found


def lagging(workload: Mapping[str, Any], mode: str) -> str:
    """Return what a Deployment, StatefulSet or DaemonSet still lacks; empty when it is there. Pure."""
    meta, spec, status = (workload.get(key) or {} for key in ("metadata", "spec", "status"))
    if status.get("observedGeneration", 0) < meta.get("generation", 0):
        return "its controller has not seen it yet"
    if mode == APPLIED:
        return ""
    wanted = status.get("desiredNumberScheduled", spec.get("replicas", 1))
    updated = status.get("updatedNumberScheduled", status.get("updatedReplicas", 0))
    ready = status.get("numberAvailable", status.get("availableReplicas", status.get("readyReplicas", 0)))
    if updated < wanted:
        return f"{updated} of {wanted} pods are updated"
    return f"{ready} of {wanted} pods are ready" if ready < wanted else ""


def settle(soak: float, queries: Sequence[str], runner: Runner, say: Callable[[str], None]) -> None:
    """Wait between two waves, then ask whether the platform itself is well.

    Args:
        soak: seconds to wait; an interrupt ends it.
        queries: `address expression` of a Prometheus; each must give nothing.
        runner: whose interrupt is heard.
        say: told what happens.

    Raises:
        NotSettledError: interrupted, unreachable, or a query gives something.
    """
    if soak:
        say(f"soaking for {soak:g} s")
        until(lambda: runner.interrupted, soak)
    if runner.interrupted:
        raise NotSettledError("interrupted while soaking; run: resume")
    for address, expression in questions(queries):
        try:
            answer = requests.get(f"{address}/api/v1/query", params={"query": expression}, timeout=_QUERY_SECONDS)
            found = answer.json()["data"]["result"]
        except (requests.RequestException, ValueError, KeyError, TypeError):
            raise NotSettledError(f"{address} does not answer '{expression}'; fix: check the address") from None
        if found:
            series = ", ".join(str(each.get("metric", {})) for each in found[:3])
            raise NotSettledError(
                f"'{expression}' gives {len(found)} series ({series}); allowed: none; fix: look at them"
            )
