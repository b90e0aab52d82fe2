"""What every value function is given: one region of one environment, with what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from settings import names, sizing
from settings.platform import Platform
from settings.region import Region
from settings.tenant import Tenant
from settings.vocabulary import Environment, Topology, Workload


@dataclass(frozen=True)
class Context:
    """One region, seen from the values."""

    platform: Platform
    """The whole environment."""
    name: str
    """The region's name, a key of `platform.regions`."""

    @cached_property
    def region(self) -> Region:
        """The region's settings."""
        return self.platform.regions[self.name]

    @property
    def environment(self) -> Environment:
        """The environment, as it stands in labels."""
        return self.platform.environment

    @cached_property
    def tenants(self) -> dict[str, Tenant]:
        """Tenants that run here, by name, sorted."""
        return self.platform.tenants_in(self.name)

    @cached_property
    def sizing(self) -> sizing.Sizing:
        """What each workload is given."""
        return sizing.for_region(self.platform, self.name)

    @property
    def distributed(self) -> bool:
        """Whether Loki and Tempo run one workload per role."""
        return self.platform.layout is Topology.DISTRIBUTED

    @property
    def identity(self) -> dict[str, str]:
        """Labels that every signal of the region carries: region, cluster, environment."""
        return {
            names.REGION_LABEL: self.name,
            names.CLUSTER_LABEL: self.region.cluster.name,
            names.ENVIRONMENT_LABEL: str(self.environment),
        }

    def resources(self, workload: Workload) -> dict[str, dict[str, str]]:
        """Return a workload's Kubernetes resources: requests, and a memory limit equal to the request."""
        need = self.sizing[workload]
        return {
            "requests": {"cpu": str(need.cpu), "memory": str(need.memory)},
            "limits": {"memory": str(need.memory)},
        }
