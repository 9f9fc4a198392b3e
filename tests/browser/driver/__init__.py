"""The driver of the browser tests: what a user does on each page, and what he must see there."""
