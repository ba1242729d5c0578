"""What every command shares: paths, errors, dbt, reading, publishing, the build."""
