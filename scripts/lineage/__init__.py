"""The lineage docs: dbt's page with the keys of the marts, and column lineage."""
