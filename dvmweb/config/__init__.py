"""What the user wants: a YAML file per VM, defaults for all, and the only code that reads and writes them."""
