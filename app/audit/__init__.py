"""What became of every record: the check that `streamrank audit` makes."""
