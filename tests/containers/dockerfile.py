"""Reading deploy/Dockerfile: its instructions in order, without building anything."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tests.processes import REPOSITORY

DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
DOCKERIGNORE = REPOSITORY / ".dockerignore"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: `flags` are its leading `--name=value` words, `text` is the rest, on one line."""

    name: str
    flags: tuple[str, ...]
    text: str

    @property
    def words(self) -> list[str]:
        """The words of the text, be it in the shell or the exec (JSON) form."""
        return list(json.loads(self.text)) if self.text.startswith("[") else self.text.split()


def instructions(path: Path = DOCKERFILE) -> list[Instruction]:
    """All instructions of the file. Comments go; continued lines are joined."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [_instruction(line) for line in joined.splitlines()]


def _instruction(line: str) -> Instruction:
    name, rest = line.split(maxsplit=1)
    words, flags = rest.split(" "), []
    while words[0].startswith("--"):
        flags.append(words.pop(0))
    return Instruction(name, tuple(flags), " ".join(words).strip())


def stages(path: Path = DOCKERFILE) -> dict[str, list[Instruction]]:
    """The instructions of each stage by its name ("" if it has none), its FROM first.

    A stage that goes on from another begins with the instructions of that one, in place of its FROM. Instructions
    before the first FROM are left out.
    """
    found: dict[str, list[Instruction]] = {}
    stage: list[Instruction] = []
    for instruction in instructions(path):
        if instruction.name == "FROM":
            base, _, name = instruction.text.partition(" AS ")
            stage = found[name] = [*found.get(base, [instruction])]
        else:
            stage.append(instruction)
    return found


def copied_stages(stage: list[Instruction]) -> list[str]:
    """The names of the stages that `stage` copies from, and which are therefore built for it."""
    flags = [flag for step in stage if step.name == "COPY" for flag in step.flags]
    return list(dict.fromkeys(flag.removeprefix("--from=") for flag in flags))


def environment(stage: list[Instruction]) -> dict[str, str]:
    """The variables that a stage's ENV instructions set, unexpanded."""
    words = [word.partition("=") for each in stage if each.name == "ENV" for word in each.words]
    return {name: value for name, _, value in words}


def allowed_in_context() -> list[str]:
    """What .dockerignore lets into the build context: it forbids everything, then names exceptions."""
    rules = [line for line in DOCKERIGNORE.read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*", "the context is an allow-list"
    return [rule[1:] for rule in rules if rule.startswith("!")]
