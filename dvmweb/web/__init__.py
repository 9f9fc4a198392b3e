"""The dashboard: the verbs of `vms` as pages, behind one guard."""
