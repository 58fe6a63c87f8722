"""One module for every wire format."""
