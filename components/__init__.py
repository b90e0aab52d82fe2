"""Pulumi components: they only wire what `components.values` decides."""
