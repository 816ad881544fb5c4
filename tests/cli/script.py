"""Cases that are scripts: cases/NAME.test.

    # comment
    + FILE KIND        make FILE, with the contents that files.py calls KIND
    $ command          run by sh in the case's folder, with plait in PATH; the lines below it are its expectations
    | line             of stdout, in order; * stands for anything within the line
    ! line             of stderr
    = 3                exit code; 0 if there is no such line

A lone "..." among the lines of a stream stands for any number of lines. With --update the expectations of a command
that does not meet them are rewritten from what it did; lines that still match keep their globs.
"""
import dataclasses
import os
import pathlib
import re
import subprocess

import files
from harness import TIMEOUT_SECONDS, Failure

MARKS = {"|": "stdout", "!": "stderr", "=": "exit code"}
ANY_LINES = "..."
# Differs from run to run, or with the encoder, whose bytes are never golden.
VOLATILE = re.compile(r"\b\d+\.\d+(?= s\b)|(?<=-> )\d+(\.\d+)? k?B(?= )|\b\d+\.\d+(?= %)|\b[0-9a-f]{16,32}\b")


@dataclasses.dataclass
class Step:
    before: list   # comments and blank lines, as they are
    head: str      # the "+" or "$" line
    out: list
    err: list
    code: int = 0


def parse(text):
    steps, before = [], []
    for number, line in enumerate(text.splitlines(), 1):
        mark, rest = line[:1], line[2:]
        if not line.strip() or mark == "#":
            before.append(line)
        elif mark in "+$":
            steps.append(Step(before, line, [], []))
            before = []
        elif mark in MARKS and steps and not before:
            if mark == "=":
                steps[-1].code = int(rest)
            else:
                (steps[-1].out if mark == "|" else steps[-1].err).append(rest)
        else:
            raise Failure(f"line {number}: found {line!r}, expected one of # + $ | ! =")
    return steps, before


def render(steps, after):
    lines = []
    for step in steps:
        lines += [*step.before, step.head]
        lines += [f"| {line}".rstrip() for line in step.out] + [f"! {line}".rstrip() for line in step.err]
        if step.code != 0:
            lines.append(f"= {step.code}")
    return "\n".join([*lines, *after]) + "\n"


def line_matches(line, pattern):
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), line) is not None


def lines_match(lines, patterns):
    if not patterns:
        return not lines
    if patterns[0] == ANY_LINES:
        return any(lines_match(lines[i:], patterns[1:]) for i in range(len(lines) + 1))
    return bool(lines) and line_matches(lines[0], patterns[0]) and lines_match(lines[1:], patterns[1:])


def updated(lines, patterns):
    """`patterns` where they match, what came otherwise."""
    if lines_match(lines, patterns):
        return patterns
    kept = [pattern for pattern in patterns if pattern != ANY_LINES]
    return [next((pattern for pattern in kept if line_matches(line, pattern)), VOLATILE.sub("*", line))
            for line in lines]


def lines_of(data):
    text = data.decode(errors="replace")
    return text[:-1].split("\n") if text.endswith("\n") else text.split("\n") if text else []


def run_command(test, command, path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PLAIT_")}
    environment |= {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C"}
    try:
        return subprocess.run(["sh", "-c", command], cwd=test.dir, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"$ {command}\n  still running after {TIMEOUT_SECONDS} s") from None


def difference(step, done):
    found = [*(f"| {line}" for line in lines_of(done.stdout)), *(f"! {line}" for line in lines_of(done.stderr)),
             f"= {done.returncode}"]
    wanted = [*(f"| {line}" for line in step.out), *(f"! {line}" for line in step.err), f"= {step.code}"]
    return "\n".join([f"  {step.head}", "  found", *(f"    {line}" for line in found),
                      "  expected", *(f"    {line}" for line in wanted)])


def run_script(script: pathlib.Path, test, update):
    """Runs every step. Returns True if the file was rewritten; raises Failure with every step that failed."""
    steps, after = parse(script.read_text())
    path = test.dir.parent / "bin"  # holds plait alone
    failures, rewritten = [], False
    for step in steps:
        if step.head[0] == "+":
            name, kind = step.head[2:].split()
            test.write(name, files.KINDS[kind]())
            continue
        done = run_command(test, step.head[2:], path)
        out, err = lines_of(done.stdout), lines_of(done.stderr)
        if lines_match(out, step.out) and lines_match(err, step.err) and done.returncode == step.code:
            continue
        failures.append(difference(step, done))
        step.out, step.err, step.code = updated(out, step.out), updated(err, step.err), done.returncode
        rewritten = True
    if rewritten and update:
        script.write_text(render(steps, after))
        return True
    if failures:
        raise Failure("\n".join(["", *failures]))
    return False
