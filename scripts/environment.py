"""Make the project's virtual environment: standard library only, so that any Python 3 can say what is missing."""

import argparse
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)


def stop(message):
    """End with *message* and exit status 1."""
    sys.exit("streamrank: " + message)


def check_interpreter():
    """Stop unless this Python can run the project and make virtual environments."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        stop(
            "this is Python {}.{}, but Python 3.11, 3.12 or 3.13 is needed. "
            "Name one: make PYTHON=python3.12 ...".format(*version)
        )
    if not sys.platform.startswith("linux"):
        stop("this is {}, but only Linux is supported.".format(sys.platform))
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop("this Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv")


def run(step, command):
    """Run *command*; when it fails, show what it printed and stop."""
    print("  " + step, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:] + "\n")
        stop(
            "could not finish this step: {}. If it could not reach the package index, check the network, "
            "PIP_INDEX_URL and proxy settings, then run the same command again.".format(step)
        )


def main():
    """Make or update the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", required=True)
    parser.add_argument("--requirements", required=True)
    wanted = parser.parse_args()
    check_interpreter()
    python = os.path.join(wanted.venv, "bin", "python")
    print("Making the environment in {} (about a minute, once):".format(wanted.venv), flush=True)
    if not os.path.exists(python):
        run("virtual environment", [sys.executable, "-m", "venv", wanted.venv])
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    run("installer", [*pip, "--requirement", os.path.join("requirements", "build.txt")])
    # Compiled now: otherwise the first start would compile TensorFlow's thousands of files, or every start, where it
    # may not write them.
    uv = [python, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    run("packages of " + wanted.requirements, [*uv, "--require-hashes", "--requirement", wanted.requirements])
    run("the project itself", [*uv, "--no-deps", "--no-build-isolation", "--editable", "."])


if __name__ == "__main__":
    main()
