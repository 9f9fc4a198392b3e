"""The page of one VM: its head, its verbs and its tabs."""
