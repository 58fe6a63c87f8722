"""`streamrank train`: models that the project trains by itself."""
