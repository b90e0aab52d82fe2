"""List the pinned Go programs: their modules, how they are linked, how they state their version."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType


class ToolError(Exception):
    """A tool that cannot be had; the message is one sentence that ends with the fix."""


def _without_v(version: str) -> str:
    return version.removeprefix("v")


def _prometheus_release(version: str) -> str:
    """Turn v0.315.0 into 3.15.0: Prometheus publishes its 3.x as 0.3xx, having no /v3 in its module path."""
    _, minor, patch = version.split(".")
    return f"{int(minor) // 100}.{int(minor) % 100}.{patch}"


def _tempo_release(version: str) -> str:
    """Name the commit of a pseudo-version; those count from 1.5.0, the last Tempo with a Go module."""
    return f"2.8.0-{version.rpartition('-')[2]}"


@dataclass(frozen=True)
class Tool:
    """One Go program.

    In linker_values, {version} stands for the version that the program is to report, {major} and {minor} for
    its parts.
    """

    name: str
    """The name of the executable, here and on PATH."""
    directory: str
    """The Go module below tools/ that pins it."""
    package: str
    """The import path of its main package; '.' for one whose sources are in the directory."""
    module: str
    """The required module whose version in go.mod is the tool's version."""
    linker_values: Mapping[str, str] = field(default_factory=dict)
    """String variables set by the linker: a module fetched from a proxy carries no version of its own."""
    tags: str = ""
    """Go build tags, separated by commas."""
    reports: Callable[[str], str] = _without_v
    """Turns the module's version into what the program calls its version."""
    version_arguments: tuple[str, ...] | None = ("--version",)
    """Arguments that make it print its version; None when one from PATH is never taken in its place."""

    def pinned(self, tools_directory: Path) -> str:
        """Return the version that go.mod requires, such as v4.3.1.

        Raises ToolError when go.mod is absent or does not require the module.
        """
        file = tools_directory / self.directory / "go.mod"
        text = file.read_text() if file.exists() else ""
        # A line of a require block or a require line; a replacement has '=>' where the version would be.
        found = re.search(rf"^(?:require)?\s*{re.escape(self.module)} (v\S+)", text, re.MULTILINE)
        if found is None:
            raise ToolError(
                f"tools/{self.directory}/go.mod: no version of {self.module} for {self.name}; "
                f"add the line 'require {self.module} <version>'."
            )
        return found.group(1)

    def reported(self, tools_directory: Path) -> str:
        """Return the version as the program itself prints it, without a leading v."""
        return self.reports(self.pinned(tools_directory))

    def build_arguments(self, tools_directory: Path) -> list[str]:
        """Return the arguments of go build that depend on the tool, the package last.

        Symbols and debug data are left out (-s -w): a third of the size, and less to link.
        """
        version = self.reported(tools_directory)
        major, minor = version.split(".")[:2]
        values = (
            f"-X {variable}={value.format(version=version, major=major, minor=minor)}"
            for variable, value in self.linker_values.items()
        )
        tags = ["-tags", self.tags] if self.tags else []
        return [*tags, "-ldflags", " ".join(["-s", "-w", *values]), self.package]


_KUBERNETES = "k8s.io/component-base/version"
_PROMETHEUS = {"github.com/prometheus/common/version.Version": "{version}"}


def _kubernetes(command: str, *version_arguments: str) -> Tool:
    return Tool(
        name=command,
        directory="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{command}",
        module="k8s.io/kubernetes",
        # Clients and Helm charts decide by the server's version what they may use.
        linker_values={
            f"{_KUBERNETES}.gitVersion": "v{version}",
            f"{_KUBERNETES}.gitMajor": "{major}",
            f"{_KUBERNETES}.gitMinor": "{minor}",
            f"{_KUBERNETES}.gitTreeState": "clean",
        },
        version_arguments=version_arguments,
    )


_ALL = (
    Tool(
        name="pulumi",
        directory="pulumi",
        package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        module="github.com/pulumi/pulumi/pkg/v3",
        # The Automation API refuses an engine that does not state a version.
        linker_values={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "v{version}"},
        version_arguments=("version",),
    ),
    Tool(
        name="helm",
        directory="helm",
        package="helm.sh/helm/v4/cmd/helm",
        module="helm.sh/helm/v4",
        linker_values={"helm.sh/helm/v4/internal/version.version": "v{version}"},
        version_arguments=("version", "--short"),
    ),
    Tool(
        name="etcd",
        directory="etcd",
        package="go.etcd.io/etcd/server/v3",
        module="go.etcd.io/etcd/server/v3",
    ),
    _kubernetes("kube-apiserver", "--version"),
    _kubernetes("kube-controller-manager", "--version"),
    _kubernetes("kubectl", "version", "--client"),
    Tool(
        name="promtool",
        directory="prometheus",
        package="github.com/prometheus/prometheus/cmd/promtool",
        module="github.com/prometheus/prometheus",
        linker_values=_PROMETHEUS,
        tags="netgo,builtinassets",
        reports=_prometheus_release,
    ),
    Tool(
        name="amtool",
        directory="amtool",
        package="github.com/prometheus/alertmanager/cmd/amtool",
        module="github.com/prometheus/alertmanager",
        linker_values=_PROMETHEUS,
    ),
    Tool(
        name="actionlint",
        directory="actionlint",
        package="github.com/rhysd/actionlint/cmd/actionlint",
        module="github.com/rhysd/actionlint",
        linker_values={"github.com/rhysd/actionlint.version": "{version}"},
    ),
    Tool(
        name="otelcol",
        directory="otelcol",
        package=".",
        module="go.opentelemetry.io/collector/otelcol",
        linker_values={"main.version": "{version}"},
        # Another distribution of the same version holds other components.
        version_arguments=None,
    ),
    Tool(
        name="loki",
        directory="loki",
        package="github.com/grafana/loki/v3/cmd/loki",
        module="github.com/grafana/loki/v3",
        linker_values={"github.com/grafana/loki/v3/pkg/util/build.Version": "{version}"},
        tags="netgo",
    ),
    Tool(
        name="tempo",
        directory="tempo",
        package="github.com/grafana/tempo/cmd/tempo",
        module="github.com/grafana/tempo",
        linker_values={"main.Version": "{version}"},
        reports=_tempo_release,
    ),
    Tool(
        name="prom-label-proxy",
        directory="prom-label-proxy",
        package="github.com/prometheus-community/prom-label-proxy",
        module="github.com/prometheus-community/prom-label-proxy",
        # It has no way to print its version.
        version_arguments=None,
    ),
    Tool(
        name="caddy",
        directory="caddy",
        package="github.com/caddyserver/caddy/v2/cmd/caddy",
        module="github.com/caddyserver/caddy/v2",
        linker_values={"github.com/caddyserver/caddy/v2.CustomVersion": "v{version}"},
        # Without the storage for ACME's certificates and the SSH that tests and plugins bring: 82 MB become 45.
        tags="nobadger,nomysql,nopgx",
        version_arguments=("version",),
    ),
    Tool(
        name="prometheus",
        directory="prometheus",
        package="github.com/prometheus/prometheus/cmd/prometheus",
        module="github.com/prometheus/prometheus",
        linker_values=_PROMETHEUS,
        # Without builtinassets: the Go module lacks the built user interface; the API is whole.
        tags="netgo",
        reports=_prometheus_release,
    ),
    Tool(
        name="alertmanager",
        directory="alertmanager",
        package="github.com/prometheus/alertmanager/cmd/alertmanager",
        module="github.com/prometheus/alertmanager",
        linker_values=_PROMETHEUS,
        tags="netgo",
    ),
    Tool(
        name="prometheus-operator",
        directory="prometheus-operator",
        package="github.com/prometheus-operator/prometheus-operator/cmd/operator",
        module="github.com/prometheus-operator/prometheus-operator",
        linker_values=_PROMETHEUS,
    ),
    Tool(
        name="opentelemetry-operator",
        directory="opentelemetry-operator",
        package="github.com/open-telemetry/opentelemetry-operator",
        module="github.com/open-telemetry/opentelemetry-operator",
        # Unset, it compares 0.0.0 with the version that a collector resource was last upgraded to.
        linker_values={
            f"github.com/open-telemetry/opentelemetry-operator/internal/version.{name}": "{version}"
            for name in ("version", "otelCol", "targetAllocator")
        },
        version_arguments=None,
    ),
)

TOOLS: Mapping[str, Tool] = MappingProxyType({tool.name: tool for tool in _ALL})
"""Every tool by its name."""

GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "lab": ("pulumi", "helm", "etcd", "kube-apiserver", "kube-controller-manager", "kubectl"),
        "verify": ("promtool", "amtool", "actionlint", "otelcol", "loki", "tempo"),
        "telemetry": (
            "prom-label-proxy",
            "caddy",
            "prometheus",
            "alertmanager",
            "prometheus-operator",
            "opentelemetry-operator",
        ),
        "all": tuple(TOOLS),
    }
)
"""What is wanted together: a region on one machine, the checks of what is rendered, the telemetry run."""
