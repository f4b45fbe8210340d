"""The engine's own access control: its users' file, and the role of each of our two users.

The engine knows one user. A connection takes the role of the user whose request it serves, and no statement that a
user may send can change it. What is not granted is denied, however a statement reaches it: by a view, a subquery, a
table function, a parameter.
"""

import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

ROLES = Path(__file__).parents[2] / "clickhouse" / "roles.xml"
_DATABASE = "crypto.*"
CONFIG = """<clickhouse>
  <user_directories><users_xml><path>{directory}/users.xml</path></users_xml></user_directories>
  <remote_url_allow_hosts/>
</clickhouse>
"""
_USERS = """<clickhouse>
  {roles}
  <users>
    <default>
      <password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
      <grants><query>GRANT writer</query><query>GRANT reader</query></grants>
    </default>
  </users>
  <profiles><default><max_query_size>4194304</max_query_size></default></profiles>
  <quotas><default/></quotas>
</clickhouse>
"""


class Role(StrEnum):
    """What a user is to the engine."""

    WRITER = "writer"
    READER = "reader"


def access_files(databases: Sequence[str]) -> tempfile.TemporaryDirectory[str]:
    """A directory with `config.xml`, the engine's configuration, for as long as it is not cleaned up.

    `databases` are names, or beginnings of names that end with `*`; such databases the writer may drop, too.
    """
    directory = tempfile.TemporaryDirectory(prefix="crypto-clickhouse-")
    path = Path(directory.name)
    (path / "users.xml").write_text(_USERS.format(roles=_roles(databases)))
    (path / "config.xml").write_text(CONFIG.format(directory=escape(str(path))))
    return directory


def _roles(databases: Sequence[str]) -> str:
    roles = ElementTree.parse(ROLES).getroot()  # noqa: S314 - ours
    for grants in roles.iter("grants"):
        for query in list(grants):
            text = query.text or ""
            if text.endswith(_DATABASE):
                grants.remove(query)
                for name in databases:
                    more = ", DROP DATABASE" if name.endswith("*") and "CREATE DATABASE" in text else ""
                    changed = text.removesuffix(f" ON {_DATABASE}") + f"{more} ON {name}.*"
                    ElementTree.SubElement(grants, "query").text = changed
    return ElementTree.tostring(roles, encoding="unicode")
