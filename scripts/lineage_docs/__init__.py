"""The parts of the lineage docs: dbt's page, column lineage, entity relationships."""
