"""The commands that work inside a running VM: shells, copies, project hooks."""
