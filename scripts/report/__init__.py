"""The report page and its figures: read from the marts, drawn, never computed anew."""
