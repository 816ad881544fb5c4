"""What the system refuses: exit 1, a message with its reason, and nothing changed."""
import files
from harness import case


def refused(test, arguments, options, reason="Permission denied"):
    before = test.names()
    result = test.plait(*arguments, code=1, **options)
    test.match(result.first_error, f"plait: .*{reason}.*", f"{arguments}: stderr")
    test.equal(test.names(), before, f"{arguments}: files")


@case
def unreadable_source(test):
    test.compress("x.safetensors", files.small())
    options = test.unprivileged()
    for name in test.names():
        test.path(name).chmod(0)
    refused(test, ["compress", "-f", "x.safetensors", "-o", "y"], options)
    for verb in ("decompress", "verify", "list"):
        refused(test, [verb, "x.plait.safetensors"], options)
    refused(test, ["cat", "x.plait.safetensors", "weight"], options)


@case
def read_only_target_directory(test):
    test.compress("x.safetensors", files.small())
    test.path("d").mkdir()
    options = test.unprivileged()
    test.path("d").chmod(0o555)
    refused(test, ["compress", "--rm", "x.safetensors", "-o", "d/y"], options)
    refused(test, ["decompress", "--rm", "x.plait.safetensors", "-o", "d/y"], options)
    test.equal(test.names("d"), [], "files in the directory")
    # Where --rm cannot remove, the result is there and the exit code says that something is not as wanted.
    test.path("d").chmod(0o755)
    test.write("d/z", files.small())
    test.path("d").chmod(0o555)
    result = test.plait("compress", "--rm", "d/z", "-o", "z.plait", code=1, **options)
    test.match(result.first_error, "plait: d/z: .*Permission denied.*", "stderr")
    test.plait("verify", "--against", "d/z", "z.plait")


@case
def write_only_target_directory(test):
    """It cannot be synced, which is no reason to fail."""
    test.write("x.safetensors", files.small())
    test.path("d").mkdir()
    options = test.unprivileged()
    test.path("d").chmod(0o333)
    test.plait("compress", "x.safetensors", "-o", "d/y", **options)
    test.plait("verify", "--against", "x.safetensors", "d/y")


@case
def missing_things(test):
    test.write("x.safetensors", files.small())
    refused(test, ["compress", "missing"], {}, "No such file or directory")
    refused(test, ["compress", "missing/x"], {}, "No such file or directory")
    refused(test, ["compress", "x.safetensors", "-o", "missing/y"], {}, "No such file or directory")
    refused(test, ["compress", "x.safetensors/y"], {}, "Not a directory")
    refused(test, ["compress", "x.safetensors", "-o", "n" * 250], {}, "File name too long")
    refused(test, ["compress", "x.safetensors", "-o", "d/" * 2500 + "y"], {}, "too long")
