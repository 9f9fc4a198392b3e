"""Renders the lima.yaml of an instance, merges the user's own into it, and compares it with the effective config."""
