"""See it run: a broker, a model, the service and real records on this machine, started by one command."""
