"""The query page: its sources, the bundle made of them, the server."""
