"""What keeps a benchmark from giving a figure."""


class BenchmarkFailed(Exception):
    """A contender ended, fell silent or gave wrong answers; the message says which and shows the end of its log."""
