#!/usr/bin/env bash
# Installs the client packages that tests/clients pins, unless they are there: Python's into .venv, whose python it
# prints, and Node's beside tests/clients/matrix/node/package.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

requirements=tests/clients/requirements.txt
stamp=.venv/requirements.txt
if ! cmp -s "$requirements" "$stamp"; then
  python3 -m venv --clear .venv >&2
  .venv/bin/pip install -q --disable-pip-version-check -r "$requirements" >&2
  cp "$requirements" "$stamp"
fi

node=tests/clients/matrix/node
stamp=$node/node_modules/installed.json
if ! cmp -s "$node/package-lock.json" "$stamp"; then
  npm ci --prefix "$node" --loglevel error --no-audit --no-fund --no-update-notifier --ignore-scripts >/dev/null
  cp "$node/package-lock.json" "$stamp"
fi

echo "$PWD/.venv/bin/python"
