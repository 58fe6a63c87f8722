"""The service: records in from Kafka, rankings out to Kafka. No TensorFlow in here."""
