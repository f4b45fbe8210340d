"""Where a Kafka broker's programs lie: a Java, and the jars of the system's Kafka or those that Maven fetches.

The jars of `pom.xml` are fetched once per checkout, into the environment that `make setup` makes; also by
`python -m deploy.local.kafka_jars`.
"""

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local import caches, proxies
from deploy.local.account import Account, as_account
from deploy.local.leash import leashed

POM = Path(__file__).with_name("pom.xml")
FETCHED = Path(sys.prefix) / "kafka"
"""A directory of jars for each state of the pom that was fetched; the name is a digest of the pom."""
JAVA_NEEDED = 17
INSTALL_JAVA = "Java 17 or newer (Debian, Ubuntu: apt install default-jre-headless)"
INSTALL_MAVEN = "Maven, which fetches Kafka (Debian, Ubuntu: apt install maven)"
INSTALL_BOTH = f"Java {JAVA_NEEDED} or newer, and Maven (Debian, Ubuntu: apt install default-jre-headless maven)"
OUT_OF_REACH = "the account that runs Kafka cannot reach this Java: install one for the whole system."
FETCH_LIMIT_S = 600
ANSWER_LIMIT_S = 30


def java(account: Account | None = None) -> Path | None:
    """A Java that can run Kafka as `account`: that of JAVA_HOME, else that on PATH; None if too old or not there."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    for found in filter(None, map(shutil.which, [*candidates, "java"])):
        binary, version = _java_itself(found)
        if version >= JAVA_NEEDED and (account is None or _java_itself(str(binary), account)[1]):
            return binary
    return None


def missing() -> str | None:
    """What a person must install before Kafka can run here, as one sentence; None if nothing."""
    maven_here = are_here() or shutil.which("mvn")
    if java():
        return None if maven_here else f"Kafka needs {INSTALL_MAVEN}."
    return f"Kafka needs {INSTALL_JAVA if maven_here else INSTALL_BOTH}."


def system_jars() -> Path | None:
    """The jars of an installed Kafka 4 or newer: that of KAFKA_HOME, else that of `kafka-server-start` on PATH."""
    homes = [Path(home)] if (home := os.environ.get("KAFKA_HOME")) else []
    for name in ("kafka-server-start", "kafka-server-start.sh"):
        if found := shutil.which(name):
            above = Path(found).resolve().parent.parent
            homes += [above, above / "libexec"]
    return next((home / "libs" for home in homes if _is_recent(home / "libs")), None)


def fetched_jars() -> Path:
    """The jars of the pom; they are fetched if need be, by one process at a time. Raises RuntimeError."""
    target = fetched_dir()
    if target.exists():
        return target
    FETCHED.mkdir(exist_ok=True)
    with (FETCHED / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _fetch(target)
    return target


def are_here() -> bool:
    """Whether nothing needs to be fetched."""
    return system_jars() is not None or fetched_dir().exists()


def _fetch(target: Path) -> None:
    """Into a directory beside `target`, moved there when whole: an interrupted fetch is never mistaken for one."""
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    options = ("-B", "-q", "--strict-checksums", "-Dstyle.color=never", "-DincludeScope=runtime", *_repository())
    maven = ["mvn", *options, f"-DoutputDirectory={partial}", "-f", str(POM), "dependency:copy-dependencies"]
    command = leashed(maven, signal.SIGTERM)
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, errors="replace", timeout=FETCH_LIMIT_S)
    except subprocess.CalledProcessError as error:
        # Colours may stand before the mark, even if Maven was asked for none.
        reason = next((line for line in error.stdout.splitlines() if "[ERROR]" in line), error.stderr or error.stdout)
        reason = reason.rpartition("[ERROR]")[2].strip()
        raise RuntimeError(f"Maven could not fetch Kafka: {reason}{_proxy_hint()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"Maven could not fetch Kafka: {error}") from error
    partial.rename(target)
    for other in FETCHED.iterdir():
        if other.is_dir() and other != target:
            shutil.rmtree(other)


def _repository() -> tuple[str, ...]:
    """Where Maven keeps what it downloads, if not below the account's home, which not every account has."""
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir  # where Java looks, too, regardless of HOME
    except KeyError:
        home = ""
    return () if caches.is_writable(Path(home) / ".m2") else (f"-Dmaven.repo.local={FETCHED / 'repository'}",)


def _proxy_hint() -> str:
    return " (Maven ignores proxy variables: a proxy belongs into its settings.xml.)" if proxies.hint() else ""


def fetched_dir() -> Path:
    """Where the jars of the pom as it is now belong."""
    return FETCHED / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]


def _java_itself(binary: str, account: Account | None = None) -> tuple[Path, int]:
    """Its place and version, by its own word: what stands on PATH may be a shim that goes by its name (jenv, mise).

    Version 0 if `account` cannot run it.
    """
    path = Path(binary).absolute()
    command = [str(path), "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=ANSWER_LIMIT_S,
            cwd="/" if account else None,
            **as_account(account),
        ).stderr
    except (OSError, subprocess.SubprocessError):  # made for another machine, or out of the account's reach
        return path, 0
    home = re.search(r"^ *java\.home = (.+)$", answer, re.MULTILINE)
    itself = Path(home[1].strip()) / "bin" / "java" if home else path
    found = re.search(r'version "(\d+)', answer)
    return itself if itself.exists() else path, int(found[1]) if found else 0


def _is_recent(libs: Path) -> bool:
    return any(re.match(r"kafka_[\d.]+-([4-9]|\d\d)\.", jar.name) for jar in libs.glob("kafka_*.jar"))


if __name__ == "__main__":
    try:
        fetched_jars()
    except RuntimeError as problem:
        sys.exit(str(problem))
