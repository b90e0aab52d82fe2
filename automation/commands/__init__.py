"""The driver's commands, by what they do to a fleet."""
