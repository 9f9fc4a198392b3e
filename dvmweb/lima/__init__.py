"""The only room that knows limactl: it builds its commands, runs them, and reads what they say."""
