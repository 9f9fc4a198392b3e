"""The demo engine: a stand-in for `limactl` and its `ssh` without Lima; its guests are throwaway sandboxes."""
