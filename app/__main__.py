"""`python -m app`: the command line, which serves when nothing else is asked for."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["serve"]))
