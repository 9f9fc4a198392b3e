"""Everything that a user can do. The command line and the dashboard call it with values and get values."""
