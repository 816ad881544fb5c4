#!/usr/bin/env python3
"""What reading bf16 weights takes on the device of this machine, measured beside predicted: device_speeds.py FILE

FILE.safetensors has the weights, real ones. Runs plait_device_bench (./dev gpu --bench FILE builds it) and puts beside
its medians what roofline.py predicts from counts.json, for a card with the clocks, multiprocessors and bandwidth that the
device itself reports. Without a device it passes on the program's SKIP.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import roofline

PROGRAM = roofline.HERE.parents[1] / "build" / "release" / "bench" / "gpu" / "device" / "plait_device_bench"
_HEADER = ["what", "bits/weight", "predicted ms", "measured ms", "least-most", "measured/predicted", "bf16 GB/s",
           "times bf16 GEMV"]  # yapf: disable


def card_of(device: dict) -> roofline.Machine:
  """Returns the device as a card of the model."""
  return roofline.Machine(**device, source="the device")


def predicted_ms(card: roofline.Machine, contender: dict, weights: int, counts: dict) -> float | None:
  """Returns the model's time; None for a codec whose instructions nobody has counted, or not for this architecture."""
  bytes_per_weight = contender["bytes"] / weights
  if contender["kernel"]:
    counted = counts.get(contender["kernel"], {}).get(card.arch)
  else:
    counted = roofline.MEMORY_ONLY if contender["coded_bytes"] == roofline.BF16_BYTES * weights else None
  if counted is None:
    return None
  return roofline.predict(card, counted, bytes_per_weight).seconds * weights / roofline.UNIT_WEIGHTS * 1e3


def rows(found: dict, counts: dict) -> list[list[str]]:
  """The table's rows: a contender each. Speeds are beside cuBLAS's GEMV, or its prediction where it was not built."""
  card, weights = card_of(found["device"]), found["weights"]
  gemv_ms = next((contender["median_ms"] for contender in found["contenders"] if "GEMV" in contender["name"]),
                 roofline.bf16_seconds(card) * weights / roofline.UNIT_WEIGHTS * 1e3)  # yapf: disable
  lines = []
  for contender in found["contenders"]:
    measured, predicted = contender["median_ms"], predicted_ms(card, contender, weights, counts)
    lines.append([
        contender["name"], f"{8 * contender['coded_bytes'] / weights:.2f}",
        f"{predicted:.3f}" if predicted else "-", f"{measured:.3f}",
        f"{contender['least_ms']:.3f}-{contender['most_ms']:.3f}",
        f"{measured / predicted:.2f}" if predicted else "-",
        f"{roofline.BF16_BYTES * weights / measured / 1e6:.0f}", f"{gemv_ms / measured:.2f}"
    ])  # yapf: disable
  return lines


def table(found: dict, counts: dict) -> str:
  """Returns the page that is printed, as Markdown."""
  card = card_of(found["device"])
  lines = [
      f"{card.name}: {card.arch}, {card.sms} multiprocessors, {card.clock_ghz:.2f} GHz, {card.bandwidth_gb:.0f} GB/s, as "
      f"it says; {found['weights']} weights, medians of {found['repeats']} runs.", "",
      "| " + " | ".join(_HEADER) + " |", "|" + "---|" * len(_HEADER)
  ]  # yapf: disable
  return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows(found, counts)])


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("file", type=pathlib.Path)
  parser.add_argument("--program", type=pathlib.Path, default=PROGRAM)
  parser.add_argument("--repeats", type=int, default=21, help="of each, at least 11")
  parser.add_argument("--mib", type=int, default=4096, help="of weights at most")
  parser.add_argument("--json", type=pathlib.Path, help="what was measured, for other programs")
  args = parser.parse_args()
  done = subprocess.run([args.program, args.file, str(args.repeats), str(args.mib)], stdout=subprocess.PIPE, text=True,
                        check=False)  # yapf: disable
  if done.returncode != 0 or done.stdout.startswith("SKIP"):
    print(done.stdout, end="")
    return done.returncode
  if args.json:
    args.json.write_text(done.stdout)
  print(table(json.loads(done.stdout), roofline.read_json("counts.json")))
  return 0


if __name__ == "__main__":
  sys.exit(main())
