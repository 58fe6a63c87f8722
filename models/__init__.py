"""Machine-learned models: arrays in, rankings out. No Kafka in here."""
