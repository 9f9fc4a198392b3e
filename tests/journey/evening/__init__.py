"""A scripted evening of use."""
