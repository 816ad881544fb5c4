#!/usr/bin/env bash
# smoke.sh BUILD_FOLDER [SECONDS] [JOBS]: every fuzzer for SECONDS from its seeds; 1 if one found something.
# What a fuzzer finds stays in BUILD_FOLDER/tests/fuzz/NAME-*.
set -euo pipefail
folder=$(cd "$1/tests/fuzz" && pwd)
seconds=${2:-20}
jobs=${3:-1}
cd "$folder"
./write_seeds seeds

run_one() {
  local name=${1#./fuzz_}
  mkdir -p "corpus/$name"
  if "$1" -max_total_time="$2" -rss_limit_mb=2048 -timeout=10 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="$name-" "corpus/$name" "seeds/$name" >"$name.log" 2>&1; then
    echo "PASS $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$name.log") runs"
  else
    echo "FAIL $name: see $PWD/$name.log"
    tail -n 30 "$name.log"
    return 1
  fi
}
export -f run_one
printf '%s\n' ./fuzz_* | xargs -P "$jobs" -I{} bash -c 'run_one {} '"$seconds"
