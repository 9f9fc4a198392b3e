"""The dashboard in a real browser, on the demo engine: run by hand with `pytest tests/browser`."""
