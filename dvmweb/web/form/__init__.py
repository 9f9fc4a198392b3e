"""The form that creates and edits the config of a VM."""
