"""Send a file of the user's into a running VM while its bytes still come in; never over a file that is there."""

from dvmweb.uploads.upload import Places, Upload, UploadEnded
from dvmweb.uploads.words import Arrived, Wanted

__all__ = ["Arrived", "Places", "Upload", "UploadEnded", "Wanted"]
