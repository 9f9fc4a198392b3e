"""The dashboard: the verbs as pages, behind one guard."""
