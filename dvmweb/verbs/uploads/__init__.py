"""Uploads a file into a running VM while its bytes are still coming in. Never replaces a file."""

from dvmweb.verbs.uploads.messages import Arrived, Wanted
from dvmweb.verbs.uploads.pipe import UploadEnded
from dvmweb.verbs.uploads.upload import Slots, Upload

__all__ = ["Arrived", "Slots", "Upload", "UploadEnded", "Wanted"]
