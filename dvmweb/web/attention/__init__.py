"""The page *Needs attention*."""
