"""Ranking across records: the newest score of every member of a group, kept in a compacted topic."""
