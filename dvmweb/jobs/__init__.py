"""Jobs: one run of one plan, in a process of its own that outlives its starter."""
