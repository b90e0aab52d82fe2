"""An environment of the platform: everything that `Pulumi.<env>.yaml` may say."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from settings import consistency
from settings.alerting import Alerting
from settings.base import DnsLabel, HttpUrl, IdentityGroup, Model, RegionName, SecretName, Words
from settings.region import Region
from settings.sink import Sink
from settings.tenant import Tenant
from settings.thresholds import AlertName, Bound
from settings.units import Duration
from settings.vocabulary import Environment, Topology

AttributeName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,127}$"),
    Words("an attribute's name: letters, digits, dots, hyphens and underscores"),
]


class Retention(Model):
    """How long each signal stays; also the platform's maximum for tenants."""

    metrics: Duration = Duration("15d")
    """Prometheus' local retention. Longer needs larger volumes (about 2 bytes per sample)."""
    logs: Duration = Duration("30d")
    """Loki's retention, enforced by its compactor. Shortening it deletes data for good."""
    traces: Duration = Duration("7d")
    """Tempo's block retention. Shortening it deletes data for good."""
    margin: Duration = Duration("3d")
    """How much later than the retention a bucket's lifecycle removes what a compactor has missed."""


class Collection(Model):
    """What the collectors keep and drop."""

    slow_trace: Duration = Duration("1s")
    """Traces longer than this are all kept, unless the tenant says otherwise."""
    background_sample_percent: float = Field(default=1.0, ge=0, le=100)
    """Share of the remaining traces that is kept, in percent. Storage grows in proportion."""
    decision_wait: Duration = Duration("30s")
    """How long the sampler waits for a trace's root, the end of the request; memory grows with it. A longer request is
    judged by what is there."""
    decision_wait_after_root: Duration = Duration("7s")
    """How long it waits for the rest once the root is there, in whole seconds; a kill loses this window. SDKs send
    what has ended within 5 s, agents within 1 s."""
    dropped_metric_attributes: list[AttributeName] = ["user_id", "order_id", "request_id"]
    """Attributes removed from every metric data point, for each would make a series per value."""
    scrape_annotated_pods: bool = True
    """Scrape pods annotated prometheus.io/scrape every 15 s."""
    sinks: dict[DnsLabel, Sink] = {}
    """Further destinations of signals, by name; empty sends to the region's own stores only."""


UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._-]*$"), Words("a path that starts with /")]

ClientId = Annotated[
    str,
    StringConstraints(pattern=r"""^[^\x00-\x20\x7f"`\\#;%${}]{1,256}$"""),
    Words('a client id, 256 characters at most, without spaces and " ` \\ # ; % $ { }'),
]
"""What is left out means something to the chart, which reads values as templates, or to grafana.ini."""


class Oidc(Model):
    """Single sign-on of Grafana; the client secret is in the secret store."""

    issuer: HttpUrl
    """Issuer URL; authorization, token and userinfo endpoints are below it."""
    authorization_path: UrlPath = "/authorize"
    """Path of the authorization endpoint below the issuer (its discovery document names it)."""
    token_path: UrlPath = "/token"  # noqa: S105 - a path
    """Path of the token endpoint below the issuer."""
    userinfo_path: UrlPath = "/userinfo"
    """Path of the userinfo endpoint below the issuer; its answer must hold the groups claim."""
    client_id: ClientId
    """Client id registered at the issuer."""
    client_secret: SecretName
    """Name of the secret in the store that holds the client secret."""
    admin_group: IdentityGroup
    """Value of the groups claim that makes an admin of the platform's and the tenants' organisations."""


class Grafana(Model):
    """How people get in."""

    anonymous_viewing: bool = False
    """Let anybody who reaches Grafana read everything in the platform's organisation. Off by default."""
    oidc: Oidc | None = None
    """Single sign-on; unset leaves the generated admin account only."""


class Platform(Model):
    """One environment with its regions and tenants."""

    environment: Environment
    """dev, staging or prod; the first part of a stack's name and the `environment` label."""
    organization: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,18}[a-z0-9]$"),
        Words("lower-case letters, digits and hyphens, a letter first, 3 to 20 characters"),
    ]
    """Prefix of bucket names, which are unique in all of AWS; 3 to 20 characters. Changing it replaces buckets."""
    domain: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$"),
        Words("a DNS name with at least one dot, in lower case"),
    ]
    """Domain below which each region's Grafana is reached: grafana.<region>.<domain>."""
    topology: Topology | None = None
    """How Loki and Tempo are laid out; unset means single_binary in dev and distributed elsewhere."""
    deletion_protection: bool = True
    """Buckets and generated secrets refuse deletion. Off loses data on a destroy of an empty bucket's stack."""
    retention: Retention = Retention()
    """How long each signal stays."""
    collection: Collection = Collection()
    """What the collectors keep and drop; storage and cost follow from it."""
    grafana: Grafana = Grafana()
    """How people get in."""
    alerting: Alerting
    """Who is told, and which secrets hold the receivers' credentials."""
    thresholds: dict[AlertName, Bound] = {}
    """Thresholds of alerts in this environment, in each alert's unit, by alert; unset keeps the rule's default."""
    regions: Annotated[dict[RegionName, Region], Field(min_length=1)]
    """Regions by name. Adding one is one entry."""
    tenants: Annotated[dict[DnsLabel, Tenant], Field(min_length=1)]
    """Tenants by name. Adding one is one entry."""

    @property
    def layout(self) -> Topology:
        """The topology in force."""
        if self.topology is not None:
            return self.topology
        return Topology.SINGLE_BINARY if self.environment is Environment.DEV else Topology.DISTRIBUTED

    def tenants_in(self, region: str) -> dict[str, Tenant]:
        """Return the tenants that run in a region, in the order of their names."""
        return {
            name: tenant
            for name, tenant in sorted(self.tenants.items())
            if tenant.regions is None or region in tenant.regions
        }

    @model_validator(mode="after")
    def _fleet_is_consistent(self) -> Self:
        consistency.check(self)
        return self
