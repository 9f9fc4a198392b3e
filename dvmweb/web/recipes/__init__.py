"""The pages of recipes."""
