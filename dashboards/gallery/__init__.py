"""A static page of all dashboards, each panel drawn with what its query returned, to see a change without a Grafana."""
