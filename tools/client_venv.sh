#!/usr/bin/env bash
# Makes .venv with the pinned packages of tests/clients/requirements.txt, unless it is there; prints its python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
requirements=tests/clients/requirements.txt
stamp=.venv/requirements.txt
if ! cmp -s "$requirements" "$stamp"; then
  python3 -m venv --clear .venv >&2
  .venv/bin/pip install -q --disable-pip-version-check -r "$requirements" >&2
  cp "$requirements" "$stamp"
fi
echo "$PWD/.venv/bin/python"
