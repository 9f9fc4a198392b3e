"""The pages about this computer and dvm itself: bases, doctor, settings, the example project."""
