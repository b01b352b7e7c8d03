"""One module per system, each with its profile model in ``PROFILE``; the registry finds them by their place."""
