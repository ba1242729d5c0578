"""Great Expectations on the warehouse's own tables in DuckDB."""
