"""What a case gets: a folder of its own, the command, and checks that say what was found and what was expected."""
import dataclasses
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import time

# A run that takes longer hangs.
TIMEOUT_SECONDS = 60
NOBODY = 65534

CASES = {}


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def case(function):
    """Registers a case as MODULE.FUNCTION."""
    module = function.__module__.removeprefix("test_")
    CASES[f"{module}.{function.__name__}"] = function
    return function


def patient(function):
    """Marks a case whose outcome a busy machine can change (updates a second): a failure is tried twice more."""
    function.tries = 3
    return function


@dataclasses.dataclass
class Result:
    code: int
    out: bytes
    err: bytes

    @property
    def first_error(self):
        return self.err.decode(errors="replace").split("\n", 1)[0]

    @property
    def last_line(self):
        return self.out.decode(errors="replace").rstrip("\n").rsplit("\n", 1)[-1]

    def json(self):
        return json.loads(self.out)


class Test:
    def __init__(self, directory, plait):
        self.dir = pathlib.Path(directory)
        self.binary = plait
        self.processes = []

    def close(self):
        """Ends what a failed case has left running, or stopped."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    # Files.

    def path(self, name):
        return self.dir / name

    def write(self, name, data):
        self.path(name).write_bytes(data)
        return name

    def read(self, name):
        return self.path(name).read_bytes()

    def names(self, directory="."):
        return sorted(os.listdir(self.path(directory)))

    def sparse(self, name, size):
        """A file of zeros that takes no room: a job as long as one likes."""
        with open(self.path(name), "wb") as file:
            file.truncate(size)
        return name

    def flip(self, name, offset):
        with open(self.path(name), "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0x10]))

    # The command.

    def start(self, *arguments, env=None, **options):
        """Popen of plait in the case's folder. Python's own SIGXFSZ and SIGPIPE settings are not handed on."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PLAIT_")} | (env or {})
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        self.processes.append(subprocess.Popen([self.binary, *arguments], cwd=self.dir, env=environment, **options))
        return self.processes[-1]

    def finish(self, process, data=None):
        try:
            out, err = process.communicate(data, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise Failure(f"{words(process.args)}: still running after {TIMEOUT_SECONDS} s") from None
        result = Result(process.returncode, out or b"", err or b"")
        # Sanitizers exit with codes of their own choice, which might pass for one of ours.
        if re.search(rb"Sanitizer|runtime error:", result.err):
            raise Failure(f"{words(process.args)}: {result.err.decode(errors='replace')}")
        return result

    def plait(self, *arguments, code=0, stdin=None, **options):
        """Runs to the end; `code` is the exit code expected, None for any that is no signal's."""
        if stdin is not None:
            options["stdin"] = subprocess.PIPE
        process = self.start(*arguments, **options)
        result = self.finish(process, stdin)
        if (result.code < 0) if code is None else (result.code != code):
            raise Failure(f"{words(process.args)}: exit code: found {code_name(result.code)}, expected "
                          f"{'an exit' if code is None else code}; stderr: {result.err.decode(errors='replace')}")
        return result

    def compress(self, name, data, *arguments):
        """Writes `data`, compresses it, returns the name of the container."""
        self.write(name, data)
        return self.plait("compress", *arguments, name).last_line

    def unprivileged(self):
        """Popen options for a user whom permissions bind; the case's folder becomes his."""
        if os.geteuid() != 0:
            return {}
        os.chown(self.dir, NOBODY, NOBODY)
        for entry in self.dir.iterdir():
            os.chown(entry, NOBODY, NOBODY, follow_symlinks=False)
        options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        try:
            self.plait("--version", **options)
        except (OSError, Failure):
            raise Skip("running as root, and user nobody cannot run the binary") from None
        return options

    # Checks.

    def check(self, condition, what):
        if not condition:
            raise Failure(what)

    def equal(self, found, expected, what):
        if found != expected:
            raise Failure(f"{what}: found {brief(found)}, expected {brief(expected)}")

    def match(self, text, pattern, what):
        if re.fullmatch(pattern, text, re.DOTALL) is None:
            raise Failure(f"{what}: found {brief(text)}, expected /{pattern}/")

    def skip(self, reason):
        raise Skip(reason)


def words(arguments):
    return " ".join(["plait", *map(str, arguments[1:])])


def code_name(code):
    return f"death by {signal.Signals(-code).name}" if code < 0 else code


def brief(value):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(value)} long)"


def stored_tensors(container):
    """name -> (begin, end) in the file, as any reader of .safetensors finds them."""
    (length,) = struct.unpack_from("<Q", container)
    header = json.loads(container[8:8 + length])
    header.pop("__metadata__", None)
    return {name: tuple(8 + length + offset for offset in entry["data_offsets"]) for name, entry in header.items()}


def is_temporary(name, target=None):
    match = re.fullmatch(r"\.(.+)\.plait-tmp-\d+", name)
    return match is not None and target in (None, match[1])


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not after {seconds} s")
        time.sleep(0.0002)
