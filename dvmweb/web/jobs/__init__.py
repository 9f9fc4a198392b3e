"""The pages of jobs and their logs."""
