"""Tests how a model of co-downloads is read from a file. The model predicts which packages clients install together.
Also tests how these packages are added to a package's prediction list, which names what clients request next.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.predictions import CHARACTERS, Release, encode, names_in
from registry import RegistryError
from registry.catalog.artifact import Known
from registry.co_downloads.model import read
from registry.ecosystems.successors import RECORD, with_co_downloads


@given(st.lists(st.from_regex(r"\A@?[a-z./-]{1,99}\Z")), st.lists(st.from_regex(r"\A[a-z-]{1,99}\Z"), max_size=40))
def test_a_list_stays_within_its_limit_and_names_dependencies_first(more: list[str], names: list[str]) -> None:
    dependencies = dict.fromkeys(names, "^1.0.0")
    known = Known({RECORD: {"names": more}}, {})
    text = encode(with_co_downloads([Release("1.0.0", dependencies), Release("0.9.0")], known))
    assert len(text) <= CHARACTERS
    alone = encode([Release("1.0.0", dependencies)])
    assert text.startswith(alone)
    assert names_in(alone) <= names_in(text) <= {*names, *(each for each in more if each)}


def test_a_table_from_athena_is_a_model(tmp_path: Path) -> None:
    file = tmp_path / "successors.csv"
    rows = ['"npm:%40acme/app","npm:b","30","20"', '"npm:%40acme/app","npm:%40acme/a","30","29"']
    file.write_text("\n".join(['"package","successor","installs","together"', *rows, ""]))
    assert read(file) == {"npm:@acme/app": ["@acme/a", "b"]}
    file.write_text("package,successor,together\n")
    assert read(file) == {}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.json", None, "cannot be read"),
        ("model.json", b"{", "the text: invalid json"),
        ("model.json", b"\xff", "cannot be read"),
        ("model.json", b'{"format": 2}', "format: input should be less than or equal to 1"),
        ("model.csv", b"", "is no CSV file with the columns"),
        ("model.csv", b"package,successor\na,b\n", "is no CSV file with the columns"),
        ("model.csv", b"package,successor,together\na,b\n", "is no CSV file with the columns"),
        ("model.csv", b"package,successor,together\na,b,many\n", "is no CSV file with the columns"),
    ],
)
def test_a_file_that_is_no_model_is_an_error(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(RegistryError, match=message) as error:
        read(file)
    assert str(error.value).startswith(f"model {file}: ")
