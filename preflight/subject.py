"""What the checks are about."""

from __future__ import annotations

from dataclasses import dataclass

from charts.pull import Packages
from settings import names
from settings.platform import Platform
from settings.region import Region


@dataclass(frozen=True)
class Subject:
    """One region, with the charts that it pins."""

    platform: Platform
    """The environment."""
    name: str
    """The region's name, a key of `platform.regions`."""
    packages: Packages
    """The pinned charts."""

    @property
    def region(self) -> Region:
        """The region's settings."""
        return self.platform.regions[self.name]

    @property
    def stack(self) -> str:
        """The stack that is about to run."""
        return names.stack(self.platform.environment, self.name)

    def path(self, field: str) -> str:
        """Return the path of a field of the region."""
        return f"regions.{self.name}.{field}"
