"""What must hold between the groups that enter Grafana: one named check per rule, for `consistency.check`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.problem import Problem

if TYPE_CHECKING:
    from settings.platform import Platform
    from settings.tenant import GrafanaGroups


def problems(platform: Platform) -> Iterator[Problem]:
    """Yield what contradicts itself among the groups of tenants and the platform team's."""
    for name, tenant in platform.tenants.items():
        first: dict[str, str] = {}
        for path, group in _groups(f"tenants.{name}.grafana", tenant.grafana):
            yield from _unknown(platform, path, group)
            if first.setdefault(group, path) != path:
                yield Problem(
                    path,
                    f"is {group!r}, which {first[group]} is already",
                    "each group once for a tenant; two tenants may share one",
                    "remove one of the two",
                )


def _groups(path: str, groups: GrafanaGroups) -> Iterator[tuple[str, str]]:
    """Yield every group of a tenant with the path of its entry."""
    for role, members in (("viewers", groups.viewers), ("editors", groups.editors)):
        for index, group in enumerate(members):
            yield f"{path}.{role}[{index}]", group


def _unknown(platform: Platform, path: str, group: str) -> Iterator[Problem]:
    """Refuse a group that nobody signs in with, and one whose people read every tenant."""
    oidc = platform.grafana.oidc
    if oidc is None:
        yield Problem(
            path,
            f"is {group!r}, though nobody signs in with a group as long as grafana.oidc is unset",
            "nothing, unless grafana.oidc is set",
            "set grafana.oidc, or remove the group",
        )
    elif group == oidc.admin_group:
        yield Problem(
            path,
            f"is {group!r}, the platform team's group, whose people read every tenant",
            "a group of the tenant's own people",
            "remove it: grafana.oidc.admin_group enters every organisation",
        )
