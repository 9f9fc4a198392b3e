"""A `Host NAME.dvm` for each VM, for plain ssh and for editors; and the Include line in the user's ssh config."""
