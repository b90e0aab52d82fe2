"""The telemetry run: what a region's objects say runs in the cluster, run as local processes, so that signals flow.

Everything starts from the objects that `lab up` applied and from what the real operators make of them; only addresses
and paths differ from the cluster. `run.standing` is the way in.
"""
