"""Everything in front of Flask: connections, guard, sessions, login tokens, WebSockets."""
