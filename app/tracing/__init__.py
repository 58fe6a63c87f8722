"""OpenTelemetry traces of the records on their way through; the libraries for it are imported only when asked for."""
