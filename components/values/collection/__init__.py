"""The OpenTelemetry pipeline: configurations of the collectors and the specs of their resources.

`agent` (one per node) masks and says whose a signal is, `gateway` samples and routes by tenant, `cluster` (one pod)
reads what must be read once. Each has a `config(context)` that the real collector validates in the tests, and a
`spec(context)` of its OpenTelemetryCollector resource. Nothing here is written twice per tenant by hand.
"""
