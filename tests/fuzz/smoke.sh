#!/usr/bin/env bash
# smoke.sh BUILD_FOLDER JOBS LIMIT [CORPUS_FOLDER]: every fuzzer, from its seeds and what earlier runs left in the
# corpus; 1 if one found something.
# LIMIT, of each fuzzer: -max_total_time=SECONDS, or -runs=NUMBER, in JOBS shards. JOBS processes run at a time.
# stdout: PASS|FAIL FUZZER: NUMBER runs, then the sums. What a fuzzer finds stays in BUILD_FOLDER/tests/fuzz/NAME-*.
set -euo pipefail
export corpus=corpus
if [ $# -gt 3 ]; then corpus=$(realpath -m "$4"); fi
cd "$1/tests/fuzz"
jobs=$2
limit=$3
shards=1
if [[ $limit == -runs=* ]]; then
  shards=$jobs
  limit=-runs=$(((${limit#-runs=} + shards - 1) / shards))
fi
export limit
rm -rf seeds logs
mkdir logs
./write_seeds seeds >/dev/null

# run_shard NAME SHARD: the log's last line is the exit status. The length is that of the largest seed (seeds.h).
run_shard() {
  local log=logs/$1.$2 status=0
  mkdir -p "$corpus/$1"
  "./fuzz_$1" "$limit" -max_len=4608 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$1-" "$corpus/$1" "seeds/$1" >"$log" 2>&1 || status=$?
  echo "$1.$2: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs" >&2
  echo "exit status $status" >>"$log"
}
export -f run_shard

names=(fuzz_*)
names=("${names[@]#fuzz_}")
for name in "${names[@]}"; do
  for ((shard = 0; shard < shards; ++shard)); do echo "$name $shard"; done
done | xargs -P "$jobs" -L 1 bash -c 'run_shard "$@"' run_shard

total=0
failed=0
for name in "${names[@]}"; do
  runs=$(cat logs/"$name".* | awk '/^stat::number_of_executed_units:/ { sum += $2 } END { print sum + 0 }')
  total=$((total + runs))
  if [ "$(tail -q -n 1 logs/"$name".* | sort -u)" = "exit status 0" ]; then
    echo "PASS $name: $runs runs"
  else
    failed=$((failed + 1))
    echo "FAIL $name: $runs runs, see $PWD/logs/$name.*"
    tail -n 30 logs/"$name".* >&2
  fi
done
echo "${#names[@]} fuzzers, $total runs, $failed failed"
[ "$failed" -eq 0 ]
