"""`streamrank score`: rank records from a file or standard input, without Kafka."""
