"""Make the project's virtual environment: standard library only, so that any Python 3 can say what is missing."""

import argparse
import ast
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)

# What pip calls it, and the variables in which uv takes it: the one to set, and older ones that say the same.
FOR_UV = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
}


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
            "could not finish this step: {}. If it could not reach the package index, check the network, the proxy "
            "settings and PIP_INDEX_URL (pip's settings are handed to uv; UV_DEFAULT_INDEX overrules them there), "
            "then run the same command again.".format(step)
        )


def pip_settings(python):
    """Return what the pip of *python* was told by its configuration files and by PIP_... variables, by option."""
    listing = subprocess.run(
        [python, "-m", "pip", "config", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True
    )
    told = {}
    for section in ("global.", "install.", ":env:."):  # the later, the stronger
        for line in listing.stdout.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(section):
                told[name[len(section) :]] = ast.literal_eval(value)
    return told


def hand_to_uv(told, environ):
    """Put pip's settings *told* into *environ* for uv, which reads none of them; what uv is told itself stays."""
    for option, names in FOR_UV.items():
        if told.get(option) and not any(environ.get(name) for name in names):
            environ[names[0]] = " ".join(told[option].split())
            if option == "extra-index-url":
                # As pip: the best of all indexes, not whatever the first has. The lock file's hashes make that safe.
                environ.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")


def can_be_written(folder):
    """Tell whether *folder* can be written, or made where it is missing."""
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return os.access(folder, os.W_OK | os.X_OK)


def find_cache(python, venv, environ):
    """Let uv keep its cache in *venv* where it cannot write its usual one, as in containers without a home."""
    asked = subprocess.run([python, "-m", "uv", "cache", "dir"], stdout=subprocess.PIPE, universal_newlines=True)
    usual = asked.stdout.strip()
    if not usual or not can_be_written(os.path.abspath(usual)):
        environ["UV_CACHE_DIR"] = os.path.join(os.path.abspath(venv), "uv-cache")


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
    hand_to_uv(pip_settings(python), os.environ)
    find_cache(python, wanted.venv, os.environ)
    # Compiled now: otherwise the first start would compile TensorFlow's thousands of files, or every start, where it
    # may not write them.
    uv = [python, "-m", "uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    run("packages of " + wanted.requirements, [*uv, "--require-hashes", "--requirement", wanted.requirements])
    run("the project itself", [*uv, "--no-deps", "--no-build-isolation", "--editable", "."])


if __name__ == "__main__":
    main()
