"""See it run: a broker, a model, the service and races on this machine, started by one command."""
