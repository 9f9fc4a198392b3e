"""Persistent terminals: the keeper process owns every pty, so that terminals outlive browser tabs and the dashboard."""
