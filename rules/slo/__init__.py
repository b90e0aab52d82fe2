"""From an SLO's ten lines to the recordings that rules/slo.rules.yaml makes burn rates, budgets and alerts of."""
