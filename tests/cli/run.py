#!/usr/bin/env python3
"""Runs the built command as a user runs it and compares what it does with shared/cli.md's promises.

    run.py --plait PATH [--update] [NAME...]

Cases are functions in test_*.py (see harness.py) and scripts in cases/*.test (see script.py); each runs in a folder of
its own. NAME may hold * and ?. Needs Python 3.11 and nothing else; PLAIT_PYTHON may name a Python with safetensors and
numpy, without which the cases that use a foreign reader are skipped.
"""
import sys

sys.dont_write_bytecode = True

import argparse
import fnmatch
import functools
import importlib
import os
import pathlib
import shutil
import tempfile
import time
import traceback

import harness
import script

HERE = pathlib.Path(__file__).resolve().parent


def collect(update):
    """name -> function of a Test."""
    for module in sorted(HERE.glob("test_*.py")):
        importlib.import_module(module.stem)
    cases = dict(harness.CASES)
    for path in sorted((HERE / "cases").glob("*.test")):
        cases[path.stem] = functools.partial(script.run_script, path, update=update)
    return cases


def selected(cases, patterns):
    if not patterns:
        return list(cases)
    for pattern in patterns:
        if not fnmatch.filter(cases, pattern):
            sys.exit(f"run.py: NAME: found {pattern}, expected one of {' '.join(cases)}")
    return [name for name in cases if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def remove(directory):
    """Also what a case has made unreadable."""
    for folder, _, _ in os.walk(directory):
        os.chmod(folder, 0o700)
    shutil.rmtree(directory)


def run_case(function, work, plait):
    directory = work / "case"
    directory.mkdir(mode=0o755)
    test = harness.Test(directory, plait)
    try:
        return ("updated" if function(test=test) is True else "ok"), ""
    except harness.Skip as skip:
        return "SKIP", str(skip)
    except harness.Failure as failure:
        return "FAIL", str(failure)
    except Exception:  # A case that breaks is a failed case.
        return "FAIL", traceback.format_exc()
    finally:
        test.close()
        remove(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plait", required=True, type=pathlib.Path, help="the command")
    parser.add_argument("--update", action="store_true", help="rewrite the expectations of scripts that fail")
    parser.add_argument("NAME", nargs="*", help="only these cases")
    options = parser.parse_args()
    plait = options.plait.resolve(strict=True)
    cases = collect(options.update)
    counts = {"ok": 0, "updated": 0, "FAIL": 0, "SKIP": 0}
    with tempfile.TemporaryDirectory(prefix="plait-cli-") as temporary:
        work = pathlib.Path(temporary)
        work.chmod(0o755)
        (work / "bin").mkdir()
        (work / "bin" / "plait").symlink_to(plait)
        for name in selected(cases, options.NAME):
            begin = time.monotonic()
            for attempt in range(getattr(cases[name], "tries", 1)):
                outcome, reason = run_case(cases[name], work, str(plait))
                if outcome != "FAIL":
                    break
                print(f"attempt {attempt + 1} of {name} failed: {reason}", flush=True)
            counts[outcome] += 1
            print(f"{outcome:7} {name} ({time.monotonic() - begin:.2f} s){': ' if reason else ''}{reason}", flush=True)
    print(f"{counts['ok'] + counts['updated']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped")
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
