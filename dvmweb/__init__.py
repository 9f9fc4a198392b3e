"""dvmweb: one small VM per project, run by Lima."""

__version__ = "0.1.0"
