"""The marts as files and in other databases."""
