"""A region's programs: which, and where. Apart from the engine: Pulumi's SDK takes a while to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Project:
    """A Pulumi program: its name in messages, its folder, and the folder of the settings it reads."""

    name: str
    folder: Path
    root: Path

    @property
    def pulumi_name(self) -> str:
        """Name of the project in URNs and in the backend."""
        return str(yaml.safe_load((self.folder / "Pulumi.yaml").read_text())["name"])

    @property
    def program(self) -> Path:
        """The file that the engine runs."""
        return self.folder / "__main__.py"

    @property
    def paths(self) -> list[str]:
        """Where its imports are looked for first."""
        return [str(self.folder), str(self.root)]


def projects(root: Path) -> list[Project]:
    """Return a region's programs in the order they come up: CRDs change rarely and cost much, so they are apart.

    A repository may have none for its CRDs.
    """
    both = (Project("crds", root / "crds", root), Project("region", root, root))
    return [project for project in both if (project.folder / "Pulumi.yaml").is_file()]
