"""Chart packages: pinned in charts.yaml, checked by digest, from a mirror folder or the public repositories."""
