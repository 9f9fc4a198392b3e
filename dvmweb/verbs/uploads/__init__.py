"""Send a file of the user's into a running VM while its bytes still come in; never over a file that is there."""

from dvmweb.verbs.uploads.messages import Arrived, Wanted
from dvmweb.verbs.uploads.upload import Places, Upload, UploadEnded

__all__ = ["Arrived", "Places", "Upload", "UploadEnded", "Wanted"]
