"""The pages that delete a VM or its config."""
