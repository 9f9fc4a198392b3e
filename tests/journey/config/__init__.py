"""Journeys of `dvm config`, `dvm schema` and shell completion."""
