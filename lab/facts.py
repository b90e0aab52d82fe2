"""The few facts of a region's settings that its lab needs, kept so that `down` works without the settings."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from automation.private import write_private
from charts import pins
from lab.instance import ROOT, Instance
from lab.problem import LabError
from settings import load, names
from settings.references import given_secrets

_FILE: Final = "facts.json"


@dataclass(frozen=True)
class Facts:
    """What cluster and cloud must look like from outside."""

    context: str
    """Name of the kubeconfig's context."""
    aws_region: str
    aws_account: str
    secrets: list[str]
    """Names that the secret store must have."""
    crds: dict[str, str]
    """Chart versions that the CRDs are pinned at, by chart."""

    @classmethod
    def of(cls, stack: str, root: Path) -> Facts:
        """Return the facts of a stack, after its settings were checked.

        Raises:
            SettingsError: they are refused.
        """
        platform, name = load.from_file(stack, root)
        region = platform.regions[name]
        secrets = sorted(set(given_secrets(platform, name).values()))
        versions = pins.choose(pins.load(ROOT), region.charts, f"regions.{name}.charts")
        crds = {chart: versions[chart] for chart in sorted(set(names.CRDS.values()))}
        return cls(region.cluster.context, region.aws_region, region.aws_account_id, secrets, crds)

    @classmethod
    def kept(cls, instance: Instance) -> Facts | None:
        """Return the facts of the last start; None when it never came that far."""
        file = instance.folder / _FILE
        return cls(**json.loads(file.read_text())) if file.exists() else None

    def keep(self, instance: Instance) -> None:
        """Write the facts down.

        Raises:
            LabError: the lab that stands is of another account or AWS region, whose objects would be lost sight of.
        """
        before = Facts.kept(instance)
        if before is not None and (before.aws_region, before.aws_account) != (self.aws_region, self.aws_account):
            raise LabError(
                f"lab {instance.stack}: stands for account {before.aws_account} in {before.aws_region}, the settings "
                f"now say {self.aws_account} in {self.aws_region}; run 'python -m lab down' first."
            )
        write_private(instance.folder / _FILE, json.dumps(asdict(self), indent=2) + "\n")
