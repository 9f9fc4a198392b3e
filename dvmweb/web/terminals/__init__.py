"""Pages for terminals, and their WebSockets."""
