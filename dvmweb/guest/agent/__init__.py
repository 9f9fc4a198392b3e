"""The agent sandbox in a guest: its launcher, its test, and the module that parses the test's result."""
