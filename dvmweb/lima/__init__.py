"""Runs limactl and ssh: builds their command lines, runs them, and parses their output. No other room does."""
