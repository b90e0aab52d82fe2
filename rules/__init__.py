"""Plain Prometheus rule files, one per area, each beside its promtool tests."""
