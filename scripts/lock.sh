#!/usr/bin/env bash
# Resolve every requirement file again, with hashes and without index addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
lock() {
    uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --quiet "$@"
}
lock --extra cpu --extra otel --output-file requirements/cpu.txt
lock --extra gpu --extra otel --output-file requirements/gpu.txt
lock --extra cpu --extra demo --constraint requirements/cpu.txt --output-file requirements/demo.txt
lock --extra cpu --extra otel --extra tflite --extra s3 --extra demo --extra dev --constraint requirements/demo.txt --output-file requirements/dev.txt
lock --extra gpu --extra otel --extra tflite --extra s3 --extra demo --extra dev --constraint requirements/gpu.txt --output-file requirements/dev-gpu.txt
# What installs the others: uv, and the build backend of the project itself.
printf 'uv==%s\nhatchling\neditables\n' "$(uv --version | cut -d' ' -f2)" |
    uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --output-file requirements/build.txt
