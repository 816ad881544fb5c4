#!/usr/bin/env bash
# planted.sh BUILD_FOLDER: every planted over-read must be found within a minute, from the seeds alone; 1 if one is not.
# stdout: PASS|FAIL planted_FUZZER: after how many runs. Logs and what was found are in BUILD_FOLDER/tests/fuzz/planted.
set -euo pipefail
cd "$1/tests/fuzz"
rm -rf seeds
./write_seeds seeds >/dev/null
failed=0
for target in planted_*; do
  log=planted/$target.log
  rm -rf planted/corpus
  mkdir -p planted/corpus
  "./$target" -max_total_time=60 -seed=1 -max_len=4608 -print_final_stats=1 -artifact_prefix="planted/$target-" \
    planted/corpus "seeds/${target#planted_}" >"$log" 2>&1 || true
  runs=$(awk '/^stat::number_of_executed_units:/ { print $2 }' "$log")
  if grep -q 'AddressSanitizer: heap-buffer-overflow' "$log" && grep -q '^READ of size' "$log"; then
    echo "PASS $target: found after ${runs} runs"
  else
    failed=1
    echo "FAIL $target: not found in ${runs:-no} runs, see $PWD/$log"
    tail -n 30 "$log" >&2
  fi
done
exit $failed
