"""The variables that every dashboard has."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh, VariableSort

PROMETHEUS = "datasource"
"""Name of the variable that holds the Prometheus data source."""
_ANY = '__name__=~"up|service:requests:rate5m"'
"""What tells who is there: what is scraped, and what sends spans only."""


def source(variable: str = PROMETHEUS, kind: str = "prometheus") -> DataSourceRef:
    """Return a reference to the data source that a variable holds: dashboards know no data source by name."""
    return DataSourceRef(type_val=kind, uid=f"${{{variable}}}")


def datasource(variable: str = PROMETHEUS, kind: str = "prometheus", label: str = "Metrics") -> DatasourceVariable:
    """Return the variable that chooses a data source."""
    return DatasourceVariable(variable).label(label).type(kind)


def query(name: str, label: str, promql: str) -> QueryVariable:
    """Return a variable of label values with "all" as its default, read anew when the time range changes."""
    return (
        QueryVariable(name)
        .label(label)
        .datasource(source())
        .query(promql)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .include_all(True)
        .multi(True)
        .all_value(".*")
    )


def region() -> QueryVariable:
    """Return the region variable."""
    return query("region", "Region", f"label_values({{{_ANY}}}, region)")


def tenant() -> QueryVariable:
    """Return the tenant variable, of the chosen regions."""
    return query("tenant", "Tenant", f'label_values({{{_ANY}, region=~"$region"}}, tenant)')


def service() -> QueryVariable:
    """Return the service variable, of the chosen tenants."""
    metric = 'service:requests:rate5m{region=~"$region", tenant=~"$tenant"}'
    return query("service", "Service", f"label_values({metric}, service_name)")
