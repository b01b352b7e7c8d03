#!/usr/bin/env bash
# Write constraints.txt anew: one tested set for every supported Python, without the address of any index.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
{
    echo "# The set that the tests run with. Written by scripts/constraints.sh; users of the wheel are not bound by it."
    uv pip compile pyproject.toml --extra lab --extra yarn --extra docs --extra test \
        --universal --python-version 3.10 --upgrade --quiet \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links
} >constraints.txt.new
mv constraints.txt.new constraints.txt
