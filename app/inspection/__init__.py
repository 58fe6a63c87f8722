"""`streamrank inspect`: what a SavedModel holds, and how it would be served."""
