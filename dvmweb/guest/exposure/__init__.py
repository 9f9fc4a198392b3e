"""What a guest and its agents can reach, as tested from inside: the program, and the report it answers with."""

from dvmweb.guest.exposure.report import KINDS, ExposureReport, Finding, from_json, parse_report, to_json

__all__ = ["KINDS", "ExposureReport", "Finding", "from_json", "parse_report", "to_json"]
