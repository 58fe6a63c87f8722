"""Kafka, through Faust and aiokafka."""
