"""Everything a user can do, as values in and values out; the command line and the dashboard only call these."""
