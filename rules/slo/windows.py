"""The windows of burn-rate alerts, and the factors that follow from them.

From the SRE Workbook (sre.google/workbook/alerting-on-slos, *Multiwindow, Multi-Burn-Rate Alerts*): an alert fires when
a share of the period's budget is spent within a long window, and a short window says that it is still being spent.
rules/slo.rules.yaml writes the same numbers as PromQL; a test holds the one against the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from settings.vocabulary import Severity


@dataclass(frozen=True)
class Pair:
    """One pair of windows that must both burn too fast."""

    severity: Severity
    """How urgent it is."""
    budget: Fraction
    """Share of the period's error budget that is gone after the long window at this rate."""
    long: str
    """Window that says how much is spent, as Prometheus writes it."""
    short: str
    """Window that says that it goes on; when it is quiet the alert ends."""
    long_days: Fraction
    """The long window in days."""

    def factor(self, days: int) -> Fraction:
        """Return the burn rate that alerts: how many times faster than the budget allows.

        Args:
            days: length of the SLO's period. 30 days give 14.4, 6, 3 and 1; 28 days 13.44, 5.6, 2.8 and 0.93.
        """
        return self.budget * days / self.long_days


PAIRS = (
    Pair(Severity.PAGE, Fraction(2, 100), "1h", "5m", Fraction(1, 24)),
    Pair(Severity.PAGE, Fraction(5, 100), "6h", "30m", Fraction(6, 24)),
    Pair(Severity.WARN, Fraction(10, 100), "1d", "2h", Fraction(1)),
    Pair(Severity.WARN, Fraction(10, 100), "3d", "6h", Fraction(3)),
)
"""From the most urgent to the least."""
