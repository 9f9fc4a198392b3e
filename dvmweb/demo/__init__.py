"""The demo engine: a stand-in for `limactl` and its `ssh` that runs guests in temporary sandboxes, without Lima."""
