"""Bases: which one a new VM is copied from, how it is copied, and how one is built."""
