#!/usr/bin/env bash
# Installs the peers that are Python packages into a virtual environment under the corpora's cache folder, and prints
# the path of its Python as the last line. A peer that cannot be installed is named on stderr and left out.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${PLAIT_CORPORA:-${XDG_CACHE_HOME:-$HOME/.cache}/plait/corpora}
venv=$cache/peers
stamp=$venv/installed
mkdir -p "$cache"

exec 9>"$cache/.peers-lock"
flock 9

wanted=$(cat "$here/requirements.txt" "$here/torch_stub.py" "${BASH_SOURCE[0]}" | sha256sum)
if [[ ! -x $venv/bin/python || $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  failed=0
  while read -r requirement; do
    # ZipNN: from its source distribution, which builds with the C compiler here.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-binary=zipnn "$requirement" \
      >&2 || { echo "setup_peers.sh: could not install $requirement" >&2; failed=1; }
  done < <(grep -v '^#' "$here/requirements.txt")
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  mkdir "$site/torch"
  cp "$here/torch_stub.py" "$site/torch/__init__.py"
  # After a failure there is no stamp: the next run tries again.
  [[ $failed == 1 ]] || echo "$wanted" >"$stamp"
fi
echo "$venv/bin/python"
