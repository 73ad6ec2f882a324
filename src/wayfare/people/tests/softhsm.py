"""A software token by SoftHSM: as real as a token is without the hardware."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

PIN = "4711-pin"
MODULE = next((str(path) for path in sorted(Path("/usr").glob("l*/**/softhsm/libsofthsm2.so"))), "")


def configured(folder: Path) -> Path:
    """Return the configuration of a SoftHSM that keeps its tokens in a folder."""
    (folder / "tokens").mkdir()
    file = folder / "softhsm2.conf"
    file.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    return file


class SoftToken:
    """A token with a label and the file of its PIN."""

    def __init__(self, folder: Path, label: str) -> None:
        self.module, self.label, self.pin_file = MODULE, label, folder / f"{label}.pin"
        given = {"--label": label, "--pin": PIN, "--so-pin": "officer-" + PIN}
        command = ["softhsm2-util", "--init-token", "--free", *(part for pair in given.items() for part in pair)]
        subprocess.run(command, check=True, capture_output=True)
        self.pin_file.touch(mode=0o600)
        self.pin_file.write_text(f"{PIN}\n")

    def set_in(self, settings: Any) -> None:
        """Be the token of an installation."""
        settings.KEYS_TOKEN, settings.KEYS_PIN_FILE = (self.module, self.label), self.pin_file

    def token(self) -> Any:
        """Return it as the product uses it."""
        from wayfare.people.tokenkeys import Token

        return Token(self.module, self.label, self.pin_file)

    def keys(self, folder: Path) -> Any:
        """Return the master keys of a folder that open with it."""
        from wayfare.people.tokenkeys import TokenKeys

        return TokenKeys(folder, self.token())

    def emptied(self) -> None:
        """Destroy every key in it."""
        with self.token().session() as session:
            for key in list(session.get_objects()):
                key.destroy()
