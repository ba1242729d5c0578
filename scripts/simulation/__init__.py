"""Simulated family-B releases whose truth is known."""
