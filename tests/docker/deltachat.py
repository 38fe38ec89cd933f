"""Delta Chat's end-to-end tests in a container beside the suite, as users who know nothing but its address."""

from tests.docker.engine import IMAGE, ask_docker
from tests.docker.project import DOMAIN, HOSTNAME
from tests.elsewhere import VARIABLE

FOLDER = "tests/deltachat"
# Those that need the suite to be theirs are not for here: they look into its database, stop it, or choose its settings.
MODULES = ("accounts", "talk", "devices", "files", "cmping")
LEFT_OUT = (f"{FOLDER}/test_talk.py::test_the_server_keeps_nothing_that_every_device_has",)


def play(network: str, address: str) -> str:
    """Run them on a network against the suite at an address; return what they say at their end."""
    names = [word for name in (DOMAIN, HOSTNAME) for word in ("--add-host", f"{name}:{address}")]
    chosen = [f"{FOLDER}/test_{module}.py" for module in MODULES]
    without = [word for test in LEFT_OUT for word in ("--deselect", test)]
    flags = ["--rm", "--network", network, *names, "--env", f"{VARIABLE}={DOMAIN}", "--env", "REQUIRE_ALL=1"]
    done = ask_docker("run", *flags, f"{IMAGE}-tests", "-q", *chosen, *without)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]
