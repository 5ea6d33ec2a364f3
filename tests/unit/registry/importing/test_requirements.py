"""Tests how an import reads a requirements file: which lines pin a version, and that the import reports each line that
it refuses.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from registry import RegistryError
from registry.importing import LeftOut, Refused
from registry.importing.requirements import Pinned, requirements


@pytest.mark.parametrize(
    "content",
    [
        b"p==1.0\n",
        "\ufeffp==1.0\r\n".encode(),
        "p==1.0\r\n".encode("utf-16"),  # Windows PowerShell writes UTF-16 for `pip freeze > requirements.txt`
        b"\xfe\xff" + "p==1.0\n".encode("utf-16-be"),
        "p==1.0\n".encode("utf-32"),
        b"# -*- coding: latin-1 -*-\n# J\xfcrgen\np==1.0\n",
    ],
)
def test_requirements_have_the_encodings_that_pip_reads(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "requirements.txt").write_bytes(content)
    assert list(requirements(tmp_path / "requirements.txt")) == [Pinned("p", "1.0")]


@pytest.mark.parametrize("content", [b"p==1.0 # \xfc\n", b"# coding: klingon\np==1.0\n", b"\xff\xfep"])
def test_requirements_that_cannot_be_decoded_are_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "requirements.txt").write_bytes(content)
    with pytest.raises(RegistryError, match=r"requirements\.txt: cannot be read: .*(decode|encoding)"):
        list(requirements(tmp_path / "requirements.txt"))


def test_requirements_name_versions_and_hashes(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(
        "# made by pip-compile\n--index-url https://up.test/simple\n"
        'p==1.0 ; python_version > "3" \\\n    --hash=sha256:aa \\\n    --hash=sha512:BB\nQ[extra]==2.0  # why\n'
    )
    (tmp_path / "more.txt").write_text("r===3.0\n--no-binary :all:\n")
    file.write_text(file.read_text() + "-r more.txt\n")
    pinned = Pinned("p", "1.0", frozenset({"sha256:aa", "sha512:bb"}))
    found = [each for each in requirements(file) if not isinstance(each, LeftOut)]
    assert found == [pinned, Pinned("Q", "2.0"), Pinned("r", "3.0")]


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("--index-url https://ada:secret@up.test/simple", "--index-url"),
        ("--extra-index-url=https://up.test/simple", "--extra-index-url"),
        ("-i https://up.test/simple", "-i"),
        ("-f ./wheels", "-f"),
        ("--no-index", "--no-index"),
    ],
)
def test_an_index_in_requirements_is_left_out_by_name(tmp_path: Path, line: str, option: str) -> None:
    """Checks that an import leaves out the options of a requirements file that name an index, such as `--index-url`.

    pip follows these options, and an import does not. The import fetches from the index that pip's configuration or
    `--pypi-index` names.
    """
    file = tmp_path / "requirements.txt"
    file.write_text(f"{line}\np==1.0\n")
    left_out, pinned = requirements(file)
    assert pinned == Pinned("p", "1.0")
    assert isinstance(left_out, LeftOut)
    assert (left_out.title, left_out.reason) == (str(file), f"the option {option}: name the index with --pypi-index")


def test_a_bad_line_of_requirements_is_named_and_stops_no_other(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("p>=1\n-e ./here\nq @ https://up.test/q.zip\nwhat is this\np==1.0\n")
    *refused, pinned = requirements(file)
    assert pinned == Pinned("p", "1.0")
    reasons = [f"{each.title}: {each.reason}" for each in refused if isinstance(each, Refused)]
    for reason, says in zip(
        reasons,
        ["p>=1: pins no version", "-e ./here: is a directory", "q.zip: pins no version", "is not a valid requirement"],
        strict=True,
    ):
        assert reason.startswith(f"{file}: ")
        assert says in reason


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # Windows ends each line with CR LF. A backslash before these two characters also continues the line.
        ("p==1.0 \\\r\n    --hash=sha256:aa\r\nq==2.0\r\n", [("p", ("sha256:aa",)), ("q", ())]),
        # pip-compile writes a backslash before the comment that ends a requirement (jazzband/pip-tools#1063).
        ("p==1.0 \\\n    --hash=sha256:aa \\\n    # via r\nq==2.0\n", [("p", ("sha256:aa",)), ("q", ())]),
        ("# see C:\\dir\\\np==1.0\n  # more \\\nq==2.0\n", [("p", ()), ("q", ())]),
        ("p==1.0 \\", [("p", ())]),
        ('p==1.0 --config-settings="--build-option=a b" --hash=sha256:aa', [("p", ("sha256:aa",))]),
        ("${P}==1.0 # ${Q}", [("p", ())]),
    ],
)
def test_lines_continue_and_have_comments_and_options_as_in_pip(
    tmp_path: Path, text: str, found: list[tuple[str, tuple[str, ...]]]
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_bytes(text.encode())
    pinned = [each for each in requirements(file, {"P": "p"}) if isinstance(each, Pinned)]
    assert [(each.name, tuple(each.hashes)) for each in pinned] == found


def test_constraints_pin_what_requirements_do_not(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("-c 'more constraints.txt'\nP_q>=1 --hash=sha256:aa\nr==3.0\ns\n")
    (tmp_path / "more constraints.txt").write_text("p-q==1.5\nr==2.0\nunused==1.0\ns<2\n")
    pq, r, s = requirements(file)
    assert (pq, r) == (Pinned("P_q", "1.5", frozenset({"sha256:aa"})), Pinned("r", "3.0"))
    assert isinstance(s, Refused)
    assert (s.title, "pins no version" in s.reason) == (f"{file}: s", True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-r missing.txt", "missing.txt: cannot be read: "),
        ("--constraint=missing.txt", "missing.txt: cannot be read: "),
        ("-r requirements.txt", "includes itself"),
        ("-rloop.txt", "includes itself"),
        ("-r https://up.test/more.txt", "names a URL; download the file"),
        ("-r 'more.txt", "No closing quotation"),
    ],
)
def test_a_file_that_cannot_be_included_is_named_and_stops_no_other_line(
    tmp_path: Path, line: str, reason: str
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"{line}\np==1.0\n")
    (tmp_path / "loop.txt").write_text("-r ./requirements.txt\n")
    refused, pinned = requirements(file)
    assert pinned == Pinned("p", "1.0")
    assert isinstance(refused, Refused)
    assert reason in refused.reason


def test_a_file_may_be_included_twice(tmp_path: Path) -> None:
    """Reads a requirements file that includes a second file twice: once directly, and once through a third file. pip
    24.3 wrongly took such files for a loop and refused them (pypa/pip#13046).
    """
    (tmp_path / "base.txt").write_text("p==1.0\n")
    (tmp_path / "dev.txt").write_text("-r base.txt\nq==2.0\n")
    (tmp_path / "all.txt").write_text("-r base.txt\n--requirement dev.txt\n")
    assert list(requirements(tmp_path / "all.txt")) == [Pinned("p", "1.0"), Pinned("p", "1.0"), Pinned("q", "2.0")]


def test_a_message_does_not_show_the_value_of_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("p @ https://${TOKEN}@up.test/p.zip\n")
    (refused,) = requirements(file, {"TOKEN": "secret"})
    assert "secret" not in str(refused)


@pytest.mark.parametrize("line", ["p @ https://ada:ssw0rd@up.test/p.whl", "-e git+https://ssw0rd@up.test/p.git#egg=p"])
def test_a_refused_line_is_named_without_the_password_in_its_url(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_text(line)
    (found,) = requirements(tmp_path / "requirements.txt")
    assert isinstance(found, Refused)
    assert "https://up.test/p." in found.title
    assert "ssw0rd" not in str(found)
