"""Who hears of a region's alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import yaml
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.values import addresses
from components.values.alert_routing import CONFIG_KEY, TEMPLATES_KEY, alertmanager_config
from components.values.alerting import templates
from components.values.context import Context
from components.values.labels import labels
from settings.names import NAMESPACE


class AlertRouting(pulumi.ComponentResource):
    """Alertmanager's tree, delivered as the one Secret that Alertmanager reads."""

    config: pulumi.Output[Mapping[str, Any]]
    """The tree. It names files with credentials and holds none, so that a preview may show its diff."""

    def __init__(self, name: str, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("observability-platform:components:AlertRouting", name, None, opts)
        config = alertmanager_config(context)
        Secret(
            f"{name}-config",
            metadata=ObjectMetaArgs(
                name=addresses.ALERTMANAGER_CONFIG_SECRET, namespace=NAMESPACE, labels=labels("alertmanager")
            ),
            string_data=secret_data(context),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.config = pulumi.Output.from_input(config)
        self.register_outputs({"config": self.config})


def secret_data(context: Context) -> dict[str, str]:
    """Return the keys of the Secret: the tree as YAML, and the templates that it names."""
    return {
        CONFIG_KEY: yaml.safe_dump(alertmanager_config(context), sort_keys=True, allow_unicode=True, width=1000),
        TEMPLATES_KEY: templates.file(context),
    }
