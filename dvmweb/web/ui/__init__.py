"""Shared by all pages: request context, error pages, icons, formats."""
