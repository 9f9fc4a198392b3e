"""Programs that run in a guest, and the modules that parse their answers."""
