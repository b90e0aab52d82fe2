"""A stack's state as its backend has it: read without opening its secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pulumi import automation

from automation.paths import masked
from automation.site import BACKEND as BACKEND
from settings import names

STACK: Final = "pulumi:pulumi:Stack"
"""Type of the resource that a stack itself is, with the stack's outputs."""


def whole(backend: str) -> str:
    """Return the URL of a backend with which a killed engine leaves no file half written.

    Into a folder (file://) the engine writes each file at once, but beside it one of attributes that is not: killed in
    between, it leaves an empty one, and every later operation fails with "failed to load checkpoint: EOF" (setAttrs in
    gocloud.dev/blob/fileblob). Nothing needs those attributes. Other URLs are returned as they are.
    """
    url = urlsplit(backend)
    if url.scheme != "file":
        return backend
    return urlunsplit(url._replace(query=urlencode({"metadata": "skip", **dict(parse_qsl(url.query))})))


class Workspace(automation.LocalWorkspace):
    """Where the CLI works on a stack.

    The SDK's own `export_stack` asks for all secrets in plain text. Here they stay encrypted: nothing of them comes
    into this process, a file that is exported or imported holds none, and a passphrase's key need not be derived, which
    is made to take a good part of a second.
    """

    def export_stack(self, stack_name: str) -> automation.Deployment:
        """Return a stack's state, secrets encrypted.

        Raises:
            automation.StackNotFoundError: there is no such stack.
            automation.CommandError: the backend cannot be read.
        """
        arguments = ["stack", "export", "--stack", stack_name]
        exported = json.loads(self.pulumi_command.run(arguments, self.work_dir, self.env_vars).stdout)
        return automation.Deployment(version=exported.get("version"), deployment=exported.get("deployment"))

    def select_stack(self, stack_name: str) -> None:
        """Do nothing: every command names its stack, and says when there is none."""


def outputs(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs that a state has, secret ones masked; none before the first `up`."""
    stacks = [each for each in deployment.get("resources") or [] if each["type"] == STACK]
    return dict(masked(stacks[0].get("outputs") or {})) if stacks else {}


def pins(deployment: Mapping[str, Any]) -> list[str]:
    """Return every pin that CRDs of a state say they came from: after a failure there may be two of one chart."""
    crds = [each for each in deployment.get("resources") or [] if each["type"].endswith(":CustomResourceDefinition")]
    annotations = [each["inputs"]["metadata"].get("annotations") or {} for each in crds]
    return sorted(
        {each[names.CHART_VERSION_ANNOTATION] for each in annotations if names.CHART_VERSION_ANNOTATION in each}
    )
