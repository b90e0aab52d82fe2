"""The driver: regions planned, previewed, rolled out and watched, from a shell or from a team's own pipeline."""
