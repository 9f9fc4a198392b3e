"""Copy files and folders between this computer and a running VM."""

from dvmweb.verbs.copies.endpoints import GuestPath, check_pair, endpoint
from dvmweb.verbs.copies.folder_listing import Folder, list_folder
from dvmweb.verbs.copies.from_guest import copy_out
from dvmweb.verbs.copies.to_guest import copy_in
from dvmweb.verbs.copies.transfer import Copied, Guests

__all__ = ["Copied", "Folder", "GuestPath", "Guests", "check_pair", "copy_in", "copy_out", "endpoint", "list_folder"]
