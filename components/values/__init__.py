"""Pure functions from settings to Helm values and object specs; nothing here knows Pulumi."""
