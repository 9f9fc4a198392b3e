"""Runs plans as jobs, each in a process of its own that outlives its starter."""
