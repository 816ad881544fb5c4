#!/usr/bin/env bash
# Installs the reference package of DFloat11 into a virtual environment under the corpora's cache folder, and prints the
# path of its Python as the last line.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PLAIT_CORPORA:-${XDG_CACHE_HOME:-$HOME/.cache}/plait/corpora}
venv=$cache/dfloat11
stamp=$venv/installed
mkdir -p "$cache"

exec 9>"$cache/.dfloat11-lock"
flock 9

wanted=$(cat "$here/requirements.txt" "${BASH_SOURCE[0]}" | sha256sum)
if [[ ! -x $venv/bin/python || $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt" >&2
  echo "$wanted" >"$stamp"
fi
echo "$venv/bin/python"
