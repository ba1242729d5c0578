"""The Superset dashboard: its files, the bundle made of them, the server."""
