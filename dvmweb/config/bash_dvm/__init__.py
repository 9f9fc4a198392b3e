"""Reads the configs of bash DVM as text and makes YAML of them. Nothing here runs a shell or touches a file."""
