"""The lima.yaml of an instance: rendered, merged with the user's own, compared with what is in effect."""
