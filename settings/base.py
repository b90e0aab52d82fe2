"""The one base of every settings model, and the texts that several models share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Model(BaseModel):
    """Refuse unknown keys and coercions, and stay as loaded: settings are facts, not state."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


@dataclass(frozen=True)
class Words:
    """Say what a pattern takes, for people: stands beside the pattern, and refusals and documentation show it."""

    text: str
    secret: bool = False
    """Whether a credential may be written here by mistake: a refused value is then not shown."""


_LABEL = "a DNS label: lower-case letters, digits and hyphens, a letter first"

DnsLabel = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"),
    Words(f"{_LABEL}, 63 characters at most"),
]
"""A name that becomes part of Kubernetes names, label values, org ids and bucket names (RFC 1123 label)."""

Namespace = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
    Words("a namespace: lower-case letters, digits and hyphens, no hyphen first or last, 63 characters at most"),
]
"""The name of a namespace that is there already, by Kubernetes' own rule: a digit may come first (`3scale`)."""

RegionName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$"),
    Words(f"{_LABEL}, 20 characters at most"),
]
"""The business's name of a region (`us-east`), at most 20 characters so that bucket names fit in 63."""

HttpUrl = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s{}/$.?#][^\s{}]*$"),
    Words("a URL that starts with https:// or http://, without braces"),
]
"""An http or https URL without credentials in it (`settings.credentials` refuses those) and without braces, of which
charts and collectors would make something else."""

HostPort = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9.-]+:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$"
    ),
    Words("host:port, 65535 at most"),
]
"""A host and one of the 65535 ports."""

SlackChannel = Annotated[
    str,
    StringConstraints(pattern=r"^#[a-z0-9_-]{1,79}$"),
    Words('a Slack channel in quotes, such as "#shop"'),
]
"""A Slack channel with its hash, quoted in YAML, where # starts a comment."""

SecretName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9/_+=.@-]{1,256}$"),
    Words("the name of a secret in the region's secret store", secret=True),
]
"""The name of a secret in the region's secret store; never the secret itself."""

_OUTER = r"""[^\x00-\x20\x7f:*"`\\#;%${}\[\]]"""
_INNER = r"""[^\x00-\x1f\x7f:*"`\\#;%${}\[\]]"""
IdentityGroup = Annotated[
    str,
    StringConstraints(pattern=f"^{_OUTER}({_INNER}{{0,126}}{_OUTER})?$"),
    Words('a group as the provider names it, 128 characters at most, without : * " ` \\ # ; % $ { } [ ]'),
]
"""A value of the groups claim. What is left out means something to grafana.ini or to its lists of groups."""
