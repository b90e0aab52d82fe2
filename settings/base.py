"""The one base of every settings model."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Model(BaseModel):
    """Refuse unknown keys and coercions, and stay as loaded: settings are facts, not state."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


DNS_LABEL = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
DnsLabel = Annotated[str, StringConstraints(pattern=DNS_LABEL)]
"""A name that becomes part of Kubernetes names, label values, org ids and bucket names (RFC 1123 label)."""

RegionName = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$")]
"""The business's name of a region (`us-east`), at most 20 characters so that bucket names fit in 63."""

HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/$.?#][^\s]*$")]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_+=.@-]{1,256}$")]
"""The name of a secret in the region's secret store; never the secret itself."""
