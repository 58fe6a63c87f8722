"""Workers on Apache Kafka under seeded random faults, and what became of every record: `make chaos`."""
