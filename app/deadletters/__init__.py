"""`streamrank dead-letters`: look at the records that were refused, and send them back to where they came from."""
