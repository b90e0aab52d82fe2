"""Dashboards as typed code: one module each; queries.py, panels.py and variables.py hold what they share."""
