"""The keeper process: one thread that owns every pty."""
