"""What the driver asks of one operation's process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """What one process is to do."""

    stack: str
    project: str
    """Name of the project in messages: `crds` or `region`."""
    folder: str
    root: str
    home: str
    """Folder for what the operation keeps: results, and the copies while it lasts."""
    operation: str
    """`preview`, `up`, `refresh`, `drift`, `destroy`, `outputs`, `workloads`, `locks`, `cancel`, `export` or
    `import`."""
    version: str = ""
    """Of the Pulumi CLI on the environment's PATH."""
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The whole environment of the operation, with its credentials: through a pipe, which nobody else can read."""
    refresh: bool = False
    recover: bool = False
    """Take over first what a killed operation made."""
    protection: bool = True
    """Whether the settings ask for deletion protection, which a policy then holds them to."""
    file: str | None = None
    """State to write (`export`) or to read (`import`)."""
    context: str = ""
    """Context of the cluster whose workloads are waited for."""
    mode: str = ""
    """What each must reach; see `automation.verification`."""
    seconds: float = 0.0
    """How long they get."""

    @property
    def place(self) -> Path:
        """The folder below which this very process works."""
        return Path(self.home) / "work" / f"{self.stack}.{self.project}.{os.getpid()}"
