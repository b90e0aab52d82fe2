"""Who may read through the access proxy, and where each one's token comes from."""

from __future__ import annotations

from dataclasses import dataclass

from components.values.context import Context
from settings import names

MOUNT = "/etc/access-tokens"
"""Where External Secrets' Secret is mounted: one file per identity, named after it."""
LEAST_TOKEN_LENGTH = 32
"""A file that holds less lets nobody in: an empty or half-written one must not become a password."""


@dataclass(frozen=True)
class Identity:
    """One caller: a tenant, or the platform team."""

    name: str
    """The tenant's name, or `platform`; also the name of its token's file."""
    orgs: str
    """X-Scope-OrgID of its reads: its own org id, or all of the region joined by `|`."""
    across: bool
    """Reads every tenant, and Prometheus without an enforced label."""

    @property
    def token_file(self) -> str:
        """Return the file that holds its token."""
        return f"{MOUNT}/{self.name}"

    @property
    def purpose(self) -> str:
        """Return what its token is called in the secret store."""
        return access_token(self.name)


def identities(context: Context) -> list[Identity]:
    """Return the region's tenants in the order of their names, then the platform team."""
    own = [Identity(name, orgs=name, across=False) for name in context.tenants]
    everyone = "|".join([*context.tenants, names.PLATFORM_TENANT])
    return [*own, Identity(names.PLATFORM_TENANT, orgs=everyone, across=True)]


def access_token(reader: str) -> str:
    """Return the purpose of a reader's token: the last part of its name in the secret store."""
    return f"access-token-{reader}"
