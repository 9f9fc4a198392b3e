"""Journeys about what is inside a VM."""
