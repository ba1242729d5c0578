"""The Superset dashboard: its export as files, the bundle, a server on this machine."""
