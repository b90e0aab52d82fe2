"""The names that SLO rules, dashboards and tests share.

Those that Sloth has are Sloth's (github.com/slok/sloth, pkg/common/conventions), so that its dashboards work here.
`slo:sli_errors:rate5m`, `slo:sli_total:rate5m` and `slo:minimum_failures:events` are this platform's own: with requests
recorded instead of ratios, a long window is the ratio of two sums, in which a busy hour weighs more than an idle one.
"""

from __future__ import annotations

ERRORS = "slo:sli_errors:rate5m"
"""Bad requests per second."""
TOTAL = "slo:sli_total:rate5m"
"""All requests per second."""
ERRORS_COUNTED, TOTAL_COUNTED = "slo:sli_errors:increase5m", "slo:sli_total:increase5m"
"""Requests of 5 minutes, every 5 minutes."""
OBJECTIVE = "slo:objective:ratio"
ERROR_BUDGET = "slo:error_budget:ratio"
TIME_PERIOD = "slo:time_period:days"
MINIMUM_FAILURES = "slo:minimum_failures:events"
CURRENT_BURN_RATE = "slo:current_burn_rate:ratio"
PERIOD_BURN_RATE = "slo:period_burn_rate:ratio"
PERIOD_BUDGET_REMAINING = "slo:period_error_budget_remaining:ratio"
INFO = "sloth_slo_info"

ID_LABEL = "sloth_id"
SERVICE_LABEL = "sloth_service"
SLO_LABEL = "sloth_slo"
WINDOW_LABEL = "sloth_window"
OBJECTIVE_LABEL = "sloth_objective"
MODE_LABEL = "sloth_mode"
SPEC_LABEL = "sloth_spec"
SEVERITY_LABEL = "sloth_severity"
OWNER_LABEL = "owner"
SERVICE_NAME_LABEL = "service_name"

MODE = "pulumi"
SPEC = "observability-platform/v1"


def ratio(window: str) -> str:
    """Return the recording of the share of bad requests over a window (`5m`, `30d`)."""
    return f"slo:sli_error:ratio_rate{window}"
