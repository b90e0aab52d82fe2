"""Look at the world that the settings describe, and refuse before anything is registered if it differs."""

from preflight.run import check, check_cluster

__all__ = ["check", "check_cluster"]
