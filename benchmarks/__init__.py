"""StreamRank beside its alternatives, on one Kafka, in one run."""
