"""Races: where they come from, what is known of them moment by moment, and a model of how they end."""
