"""The guests of the demo engine: Bubblewrap sandboxes with a host agent each."""
